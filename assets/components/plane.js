// Pictures on a plane and two points to move over it. data: { items: [{title, src, x, y}], points: [[x, y], [x, y]] }, all in 0 … 1;
// sends { points } when one was dropped. A click moves the nearer point; arrow keys move the one in focus.
const EDGE = 0.08; // of the plane, around what lies at 0 and 1
const place = (t) => `${100 * (EDGE + t * (1 - 2 * EDGE))}%`;

export default function ({ data: [data], parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".plane"), line = root.querySelector("line"), handles = [...root.querySelectorAll("button")];
  const points = data.points.map((point) => [...point]);
  root.querySelectorAll("img").forEach((image) => image.remove());
  root.prepend(...data.items.map((item) => {
    const image = Object.assign(document.createElement("img"), { src: item.src, alt: item.title, title: item.title, draggable: false });
    Object.assign(image.style, { left: place(item.x), top: place(item.y) });
    return image;
  }));
  const draw = () => {
    handles.forEach((handle, index) => {
      Object.assign(handle.style, { left: place(points[index][0]), top: place(points[index][1]) });
      handle.setAttribute("aria-label", `Point ${index + 1}, near ${nearest(points[index], data.items)}; arrow keys move it`);
    });
    points.forEach(([x, y], index) => { line.setAttribute(`x${index + 1}`, place(x)); line.setAttribute(`y${index + 1}`, place(y)); });
  };
  const at = (event) => {
    const box = root.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height].map((t) => Math.max(0, Math.min(1, (t - EDGE) / (1 - 2 * EDGE))));
  };
  let held = -1, late = 0;
  const send = () => setTriggerValue("moved", { points });
  const snapped = (point) => data.items.map(({ x, y }) => [x, y]).find(([x, y]) => Math.hypot(x - point[0], y - point[1]) < 0.05) ?? point;
  root.onpointerdown = (event) => {
    event.preventDefault();
    const point = at(event), gaps = points.map(([x, y]) => Math.hypot(x - point[0], y - point[1]));
    held = handles.indexOf(event.target);
    if (held < 0) held = gaps[0] <= gaps[1] ? 0 : 1;
    root.setPointerCapture(event.pointerId);
    points[held] = point;
    draw();
  };
  root.onpointermove = (event) => { if (held >= 0) { points[held] = at(event); draw(); } };
  root.onpointerup = (event) => { if (held >= 0) { points[held] = snapped(at(event)); handles[held].focus({ preventScroll: true }); held = -1; draw(); send(); } };
  root.onpointercancel = () => { held = -1; };
  handles.forEach((handle, index) => {
    handle.onkeydown = (event) => {
      const step = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
      if (!step) return;
      event.preventDefault();
      points[index] = points[index].map((t, part) => Math.max(0, Math.min(1, t + 0.05 * step[part])));
      draw();
      clearTimeout(late);
      late = setTimeout(send, 500);
    };
  });
  draw();
}

const nearest = ([x, y], items) => items.reduce((best, item) => (Math.hypot(item.x - x, item.y - y) < Math.hypot(best.x - x, best.y - y) ? item : best)).title;
