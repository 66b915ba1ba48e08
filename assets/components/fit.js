// Scales a block of the page (by its key) to the width that it has: what is inside keeps its own pixels. data: { key, width }.
export default function ({ data: [{ key, width }], parentElement }) {
  const block = document.querySelector(`.st-key-${key}`);
  if (!block) return;
  const fit = () => {
    const room = block.parentElement.getBoundingClientRect().width;
    if (room) block.style.zoom = room / width;
  };
  const observer = new ResizeObserver(fit);
  observer.observe(block.parentElement);
  fit();
  return () => observer.disconnect();
}
