// Pictures of one shape in a row; drag over them, and one melts into the next. data: { items: [{src, label, line}], at, width, title }.
// Arrow keys go from one to the next; the line under them says what is shown.
export default function ({ data: [data], parentElement }) {
  const figure = parentElement.querySelector(".morph");
  const [stack, stops, caption] = ["div", ".stops", "figcaption"].map((part) => figure.querySelector(part));
  const range = figure.querySelector("input");
  const last = data.items.length - 1;
  figure.style.setProperty("--width", `${data.width}px`);
  range.max = last;
  range.setAttribute("aria-label", data.title);
  if (figure.dataset.title !== data.title || stack.querySelectorAll("img").length !== last + 1) range.value = data.at;
  figure.dataset.title = data.title;
  const pictures = data.items.map((item, index) => stack.querySelectorAll("img")[index] ?? document.createElement("img"));
  stack.replaceChildren(...pictures, range);
  pictures.forEach((image, index) => {
    const item = data.items[index];
    if (image.src !== item.src) image.src = item.src;
    image.alt = `${data.title}: ${item.label}. ${item.line}`;
  });
  stops.replaceChildren(...data.items.map((item, index) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: item.label });
    button.onclick = () => show(index);
    return button;
  }));
  const show = (value) => {
    range.value = value;
    const here = Number(range.value), near = Math.round(here);
    pictures.forEach((image, index) => {
      const share = Math.max(0, Math.min(1, here - index + 1));
      image.style.opacity = index === 0 ? 1 : share;
      image.setAttribute("aria-hidden", index !== near);
    });
    [...stops.children].forEach((button, index) => button.setAttribute("aria-pressed", index === near));
    caption.textContent = data.items[near].line;
    range.setAttribute("aria-valuetext", `${data.items[near].label}. ${data.items[near].line}`);
  };
  range.oninput = () => show(range.value);
  range.onkeydown = (event) => {
    const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    show(Math.max(0, Math.min(last, Math.round(Number(range.value)) + step)));
  };
  show(range.value);
}
