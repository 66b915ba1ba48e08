// An SVG of ours, as it is, so that its tooltips work and its lines take the page's colour. data: the SVG.
export default function ({ data: [svg], parentElement }) {
  const place = parentElement.querySelector(".drawing");
  if (place.dataset.shown !== svg) place.innerHTML = place.dataset.shown = svg;
}
