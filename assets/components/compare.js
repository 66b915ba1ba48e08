// A picture over another with a line to drag between them. data: { before, after, width, title }.
export default function ({ data: [data], parentElement }) {
  const figure = parentElement.querySelector(".compare");
  const [after, before] = figure.querySelectorAll("img");
  const range = figure.querySelector("input");
  figure.style.setProperty("--width", `${data.width}px`);
  if (after.src !== data.after) after.src = data.after;
  if (before.src !== data.before) before.src = data.before;
  after.alt = data.title;
  range.oninput = () => figure.style.setProperty("--at", `${range.value}%`);
}
