// A matrix of channels against channels as a picture that answers to pointer and arrow keys. data: { values (rows × columns, base64
// float32), rows, columns, names: [[...], [...]], tiles: [[...], [...]] (where on the sheets), sheets: [src, src], grids: [columns, columns], tile, title, words }.
// The colour of a cell is its value's root over the largest one's; negative ones are blue.
export default function ({ data: [data], parentElement }) {
  const root = parentElement.querySelector(".matrix");
  const cells = root.querySelector("canvas.cells"), [bar, post] = root.querySelectorAll(".field i");
  const told = root.querySelector(".told"), tiles = root.querySelectorAll(".pair canvas"), notes = root.querySelectorAll(".pair small");
  const bytes = Uint8Array.from(atob(data.values), (letter) => letter.charCodeAt(0));
  const values = new Float32Array(bytes.buffer);
  const { rows, columns } = data;
  cells.width = columns;
  cells.height = rows;
  cells.setAttribute("aria-label", `${data.title}. ${rows} by ${columns} channels; arrow keys move over it.`);
  const peak = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-9);
  paint(cells, values, peak);
  const sheets = data.sheets.map((src) => Object.assign(new Image(), { src }));
  let at = [0, Math.min(1, columns - 1)];
  const show = (row, column) => {
    at = [Math.max(0, Math.min(rows - 1, row)), Math.max(0, Math.min(columns - 1, column))];
    const [i, j] = at, value = values[i * columns + j];
    Object.assign(bar.style, { left: 0, right: 0, top: `${(100 * i) / rows}%`, height: `${100 / rows}%`, opacity: 0.35 });
    Object.assign(post.style, { top: 0, bottom: 0, left: `${(100 * j) / columns}%`, width: `${100 / columns}%`, opacity: 0.35 });
    [i, j].forEach((index, side) => {
      notes[side].textContent = data.names[side][index];
      const draw = () => tile(tiles[side], sheets[side], data.tiles[side][index], data.grids[side], data.tile);
      if (sheets[side].complete && sheets[side].naturalWidth) draw(); else sheets[side].addEventListener("load", draw, { once: true });
    });
    told.replaceChildren(
      Object.assign(document.createElement("b"), { textContent: value.toFixed(Math.abs(value) < 10 ? 2 : 0) }),
      sentence(data, values, i, j),
    );
  };
  const under = (event) => {
    const box = cells.getBoundingClientRect();
    show(Math.floor(((event.clientY - box.top) / box.height) * rows), Math.floor(((event.clientX - box.left) / box.width) * columns));
  };
  cells.onpointermove = under;
  cells.onpointerdown = under;
  cells.onkeydown = (event) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    show(at[0] + step[0], at[1] + step[1]);
  };
  root.querySelector(".scale").style.background = `linear-gradient(90deg, ${[0, 0.25, 0.5, 0.75, 1].map((t) => `rgb(${color(t)})`)})`;
  root.querySelector(".ends").replaceChildren(...["0", peak.toFixed(peak < 10 ? 1 : 0)].map((textContent) => Object.assign(document.createElement("span"), { textContent })));
  show(...at);
}

function sentence(data, values, i, j) {
  const [a, b] = [data.names[0][i], data.names[1][j]];
  if (data.words === "chain") return `${a} of the upper layer with ${b} of the lower one.`;
  if (i === j) return `${a} with itself: how strongly it answers, squared, on average.`;
  const both = Math.sqrt(Math.max(values[i * data.columns + i] * values[j * data.columns + j], 1e-12));
  const share = values[i * data.columns + j] / both;
  return share < 0 ? `${a} and ${b} avoid each other.` : `${a} and ${b} answer at the same places: ${Math.round(100 * share)} % of what two that always go together would.`;
}

const STOPS = [[22, 18, 30], [94, 34, 80], [190, 64, 60], [240, 160, 70], [255, 244, 214]], COLD = [[22, 18, 30], [40, 90, 170], [150, 215, 255]];
function color(t, stops = STOPS) {
  const x = Math.min(t, 1) * (stops.length - 1), low = Math.min(Math.floor(x), stops.length - 2);
  return stops[low].map((from, part) => Math.round(from + (x - low) * (stops[low + 1][part] - from)));
}

function paint(canvas, values, peak) {
  const context = canvas.getContext("2d"), picture = context.createImageData(canvas.width, canvas.height);
  values.forEach((value, index) => picture.data.set([...color(Math.sqrt(Math.abs(value) / peak), value < 0 ? COLD : STOPS), 255], 4 * index));
  context.putImageData(picture, 0, 0);
}

function tile(canvas, sheet, index, columns, side) {
  canvas.width = canvas.height = side;
  canvas.getContext("2d").drawImage(sheet, (index % columns) * side, Math.floor(index / columns) * side, side, side, 0, 0, side, side);
}
