// Thumbnails to pick from. data: { items: [{id, title, src, badge}], strip }; sends the id that was picked.
// Buttons are kept between renders, so that focus and scroll position survive; what they show is what the data says now.
export default function ({ data: [data], parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".gallery");
  root.classList.toggle("strip", Boolean(data.strip));
  const kept = new Map([...root.children].map((button) => [button.dataset.id, button]));
  root.replaceChildren(...data.items.map((item) => {
    const button = kept.get(item.id) ?? thumbnail(item.id);
    const image = button.querySelector("img");
    if (image.src !== item.src) image.src = item.src;
    button.title = button.querySelector("span").textContent = item.title;
    button.setAttribute("aria-pressed", item.badge !== null);
    button.querySelector("b").textContent = item.badge ?? "";
    button.onclick = () => setTriggerValue("picked", item.id);
    return button;
  }));
}

function thumbnail(id) {
  const button = Object.assign(document.createElement("button"), { type: "button" });
  button.dataset.id = id;
  const image = Object.assign(document.createElement("img"), { alt: "", draggable: false });
  button.append(image, document.createElement("span"), document.createElement("b"));
  return button;
}
