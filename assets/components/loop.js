// A mute clip of ours that plays over and over, unless somebody wants less motion: then it can be started. data: { src, title }.
export default function ({ data: [data], parentElement }) {
  const video = parentElement.querySelector("video");
  video.muted = true; // browsers start by themselves only what is mute; the attribute is not read from what a script inserts
  video.title = data.title;
  if (video.dataset.shown === data.src) return;
  video.src = video.dataset.shown = data.src;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  video.controls = still;
  if (!still) video.play().catch(() => { video.controls = true; });
}
