// Links to pages, a picture each. data: { items: [{id, title, line, src}], current }; sends the id of the page to go to, which
// keeps the session; a click that asks for a new tab is the browser's.
export default function ({ data: [data], parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".cards");
  if (!root.childElementCount) root.append(...data.items.map(card));
  data.items.forEach((item, at) => {
    const link = root.children[at];
    link.toggleAttribute("aria-current", item.id === data.current);
    if (item.id === data.current) link.setAttribute("aria-current", "page");
    link.onclick = (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      if (item.id !== data.current) setTriggerValue("picked", item.id);
    };
  });
}

function card({ id, title, line, src }) {
  const link = Object.assign(document.createElement("a"), { href: id, draggable: false });
  const image = Object.assign(document.createElement("img"), { src, alt: "", draggable: false });
  const words = document.createElement("span");
  words.append(
    Object.assign(document.createElement("b"), { textContent: title }),
    Object.assign(document.createElement("small"), { textContent: line }),
  );
  link.append(image, words);
  return link;
}
