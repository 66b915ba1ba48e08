// The layers of a painting, a row each: colour, style, coverage, an eye, a bin. data: { items: [{id, title, src, color, note, chosen, visible}] };
// sends { id, act } with act one of pick, show, remove.
export default function ({ data: [data], parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".layers");
  const send = (id, act) => (event) => { event.stopPropagation(); setTriggerValue("acted", { id, act }); };
  root.replaceChildren(...data.items.map((item) => {
    const row = element("div", { className: "row" });
    row.dataset.chosen = item.chosen;
    row.dataset.visible = item.visible;
    row.style.setProperty("--color", item.color);
    const pick = element("button", { type: "button", className: "pick", onclick: send(item.id, "pick") });
    pick.setAttribute("aria-pressed", item.chosen);
    pick.append(
      element("i"),
      item.src ? element("img", { src: item.src, alt: "" }) : element("em"),
      element("span", { textContent: item.title }),
      element("small", { textContent: item.note }),
    );
    const eye = item.visible ? "Hide" : "Show";
    row.append(
      pick,
      button(eye, item, send(item.id, "show"), item.visible ? OPEN : CLOSED),
      button("Remove", item, send(item.id, "remove"), BIN),
    );
    return row;
  }));
}

const icon = (path) => `<svg viewBox="0 0 24 24" width="18" height="18" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round">${path}</svg>`;
const OPEN = icon('<path d="M2 12s4-7 10-7 10 7 10 7-4 7-10 7S2 12 2 12z"/><circle cx="12" cy="12" r="3"/>');
const CLOSED = icon('<path d="M3 10c2 3 5 5 9 5s7-2 9-5M12 15v4M6 13l-2 3M18 13l2 3"/>');
const BIN = icon('<path d="M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13"/>');

function element(name, properties = {}) {
  return Object.assign(document.createElement(name), properties);
}

function button(act, item, onclick, svg) {
  const made = element("button", { type: "button", className: "act", title: `${act} ${item.title}`, onclick, innerHTML: svg });
  made.setAttribute("aria-label", `${act} ${item.title}`);
  return made;
}
