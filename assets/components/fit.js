// Scales a block of the page (by its key) to the width that it has: what is inside keeps its own pixels. Hides what a selector
// names inside the components of the block. data: { key, width, hide }.
export default function ({ data: [{ key, width, hide }], parentElement }) {
  const block = document.querySelector(`.st-key-${key}`);
  if (!block) return;
  const fit = () => {
    const room = block.parentElement.getBoundingClientRect().width;
    if (room) block.style.zoom = room / width;
  };
  const sizes = new ResizeObserver(fit);
  sizes.observe(block.parentElement);
  fit();
  const conceal = () => hide && [...block.querySelectorAll("*")].forEach(({ shadowRoot: root }) => {
    if (!root || root.querySelector("style[data-hides]")) return;
    const style = Object.assign(document.createElement("style"), { textContent: `${hide} { display: none !important; }` });
    style.dataset.hides = hide;
    root.append(style);
  });
  // a component's content comes some time after its element, which is all that can be observed from outside
  const later = () => LATER.map((wait) => setTimeout(conceal, wait));
  let timers = later();
  const elements = new MutationObserver(() => { timers = [...timers, ...later()]; });
  elements.observe(block, { childList: true, subtree: true });
  return () => {
    sizes.disconnect();
    elements.disconnect();
    timers.forEach(clearTimeout);
  };
}

const LATER = [0, 100, 500, 2000]; // milliseconds
