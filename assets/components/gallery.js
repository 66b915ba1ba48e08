// Thumbnails to pick from. data: { items: [{id, title, src, badge}], strip }; sends the id that was picked.
// Buttons are kept between renders, so that focus and scroll position survive.
export default function ({ data: [data], parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".gallery");
  root.classList.toggle("strip", Boolean(data.strip));
  const kept = new Map([...root.children].map((button) => [button.dataset.id, button]));
  root.replaceChildren(...data.items.map((item) => {
    const button = kept.get(item.id) ?? thumbnail(item);
    button.setAttribute("aria-pressed", item.badge !== null);
    button.querySelector("b").textContent = item.badge ?? "";
    button.onclick = () => setTriggerValue("picked", item.id);
    return button;
  }));
}

function thumbnail({ id, title, src }) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", title });
  button.dataset.id = id;
  const image = Object.assign(document.createElement("img"), { src, alt: "", draggable: false });
  const caption = Object.assign(document.createElement("span"), { textContent: title });
  button.append(image, caption, document.createElement("b"));
  return button;
}
