// A picture over another with a line to drag between them, on the page and full-screen, with zoom, copy and share.
// data: { before, after, width, title, wide, full }. wide: `after` is smaller than the picture, which `full` holds once the state
// `opened` is true.
export default function ({ data: [data], parentElement, setStateValue }) {
  const figure = parentElement.querySelector(".compare");
  const [after, before] = figure.querySelectorAll("img");
  const range = figure.querySelector("input");
  const source = data.full || data.after;
  figure.style.setProperty("--width", `${data.width}px`);
  if (after.src !== source) after.src = source;
  if (before.src !== data.before) before.src = data.before;
  after.alt = data.title;
  range.oninput = () => figure.style.setProperty("--at", `${range.value}%`);

  const dialog = parentElement.querySelector("dialog");
  const enlarge = () => {
    dialog.querySelector(".room").append(figure);
    zoom(dialog, false);
    dialog.showModal();
    if (data.wide) setStateValue("opened", true);
  };
  dialog.setAttribute("aria-label", data.title);
  dialog.onclose = () => {
    dialog.before(figure);
    if (data.wide) setStateValue("opened", false);
  };
  after.onload = () => zoom(dialog, dialog.classList.contains("actual"));
  const share = navigator.canShare?.({ files: [new File([], "a.png", { type: "image/png" })] });
  figure.querySelector(".tools").replaceChildren(
    button("Full screen", EXPAND, enlarge),
    button("Copy the picture", COPY, (event) => tell(event, copied(after))),
    ...(share ? [button("Share the picture", SHARE, () => shared(after, data.title))] : []),
  );
  dialog.querySelector(".tools").replaceChildren(
    button("Actual pixels", ZOOM, () => zoom(dialog, !dialog.classList.contains("actual"))),
    button("Close", CLOSE, () => dialog.close()),
  );
}

const icon = (path) => `<svg viewBox="0 0 24 24" width="18" height="18" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">${path}</svg>`;
const EXPAND = icon('<path d="M9 4H4v5M15 4h5v5M9 20H4v-5M15 20h5v-5"/>');
const COPY = icon('<rect x="9" y="9" width="11" height="11" rx="2"/><path d="M15 5H6a2 2 0 0 0-2 2v8"/>');
const SHARE = icon('<path d="M12 15V4M8 8l4-4 4 4M5 13v6h14v-6"/>');
const ZOOM = icon('<circle cx="11" cy="11" r="6"/><path d="M16 16l4 4M11 8.5v5M8.5 11h5"/>');
const CLOSE = icon('<path d="M6 6l12 12M18 6L6 18"/>');

function button(label, svg, onclick) {
  const made = Object.assign(document.createElement("button"), { type: "button", title: label, onclick, innerHTML: svg });
  made.setAttribute("aria-label", label);
  return made;
}

// One picture pixel for each of the screen's, or the whole picture on the screen.
function zoom(dialog, actual) {
  const after = dialog.querySelector(".after");
  dialog.classList.toggle("actual", actual);
  dialog.querySelector(".tools button")?.setAttribute("aria-pressed", actual);
  if (!after?.naturalHeight) return;
  dialog.style.setProperty("--actual", `${after.naturalWidth / devicePixelRatio}px`);
  dialog.style.setProperty("--ratio", after.naturalWidth / after.naturalHeight);
}

function png(image) {
  const canvas = Object.assign(document.createElement("canvas"), { width: image.naturalWidth, height: image.naturalHeight });
  canvas.getContext("2d").drawImage(image, 0, 0);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

async function copied(image) {
  if (!navigator.clipboard?.write) return "Browsers copy pictures over https only";
  try {
    await navigator.clipboard.write([new ClipboardItem({ "image/png": png(image) })]);
    return "Copied";
  } catch {
    return "The browser did not allow it";
  }
}

async function shared(image, title) {
  const file = new File([await png(image)], "picture.png", { type: "image/png" });
  await navigator.share({ files: [file], title }).catch(() => {}); // the visitor chose nothing
}

async function tell({ currentTarget: { parentElement: tools } }, saying) {
  const said = Object.assign(document.createElement("output"), { textContent: await saying });
  tools.append(said);
  setTimeout(() => said.remove(), 2500);
}
