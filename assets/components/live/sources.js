// What is painted: the camera, or our photographs, moving slowly. A source has a title and an aspect (width / height), and draws
// itself once it is ready.

const CALM = matchMedia("(prefers-reduced-motion: reduce)");
const UPRIGHT = matchMedia("(max-width: 640px) and (orientation: portrait)");

class Camera {
  static async open(wish) {
    if (!navigator.mediaDevices?.getUserMedia) throw new Excuse("Browsers give the camera to pages over HTTPS only: open this one so.");
    try {
      return new Camera(await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 }, height: { ideal: 960 }, ...wish } }));
    } catch (error) {
      throw new Excuse(REFUSALS[error.name] ?? `The camera did not start (${error.message || error.name}).`);
    }
  }

  constructor(stream) {
    this.stream = stream;
    [this.track] = stream.getVideoTracks();
    this.mirrored = this.facing !== "environment"; // as in a mirror, but for what lies before you
    this.video = Object.assign(document.createElement("video"), { srcObject: stream, muted: true, playsInline: true, ariaHidden: "true" });
    this.video.play().catch(() => {});
  }

  title = "The camera";

  get facing() { return this.track.getSettings().facingMode; }
  get ready() { return this.video.readyState >= 2 && this.video.videoWidth > 0; }
  get aspect() { return this.video.videoWidth / this.video.videoHeight; }

  // What to ask for to get the other camera of a phone, or the next one of a desk; null when there is but one.
  async next() {
    const cameras = (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === "videoinput");
    if (cameras.length < 2) return null;
    if (this.facing) return { facingMode: this.facing === "user" ? "environment" : "user" };
    const at = cameras.findIndex(({ deviceId }) => deviceId === this.track.getSettings().deviceId);
    return { deviceId: { exact: cameras[(at + 1) % cameras.length].deviceId } };
  }

  draw(context, width, height, mirrored) {
    const { video } = this;
    flipped(context, width, mirrored, () => cover(context, video, video.videoWidth, video.videoHeight, width, height));
  }

  close() {
    this.track.onended = null;
    this.stream.getTracks().forEach((track) => track.stop());
    this.video.srcObject = null;
    this.video.remove();
  }
}

const REFUSALS = {
  NotAllowedError: "The camera was refused. To use it, allow it beside the page's address, then press the button again.",
  NotFoundError: "No camera was found on this device. Our photographs go on; or open this page on a phone.",
  OverconstrainedError: "That camera is not there any more.",
  NotReadableError: "The camera is in use by another program: close that one, then press the button again.",
};

// Photographs, one after the other; where motion is unwelcome, each stands still until the next is asked for.
class Samples {
  pictures = [];
  turn = 0;
  since = performance.now(); // when this one's turn began
  mirrored = false;
  title = "A photograph";

  follow(addresses) {
    const kept = new Map(this.pictures.map((picture) => [picture.src, picture]));
    this.pictures = addresses.map((src) => kept.get(src) ?? Object.assign(new Image(), { src }));
  }

  get aspect() { return UPRIGHT.matches ? 3 / 4 : 4 / 3; }
  get ready() { return this.pictures.some(whole); }

  next() {
    this.turn += 1;
    this.since = performance.now();
  }

  draw(context, width, height, mirrored) {
    const picture = (turn) => [this.pictures[turn % this.pictures.length], ...this.pictures].find(whole);
    const age = performance.now() - this.since;
    flipped(context, width, mirrored, () => {
      wander(context, picture(this.turn), width, height);
      if (CALM.matches || !this.turn || age > FADE) return;
      context.globalAlpha = 1 - age / FADE;
      wander(context, picture(this.turn - 1), width, height);
      context.globalAlpha = 1;
    });
    if (age > EACH && !CALM.matches) this.next();
  }

  close() {}
}

const EACH = 12_000, FADE = 1_200; // milliseconds
const whole = (picture) => picture.naturalWidth > 0;

// A little nearer than it fits, and drifting; the whole of it where motion is unwelcome.
function wander(context, picture, width, height) {
  const time = CALM.matches ? 0 : performance.now() / 1000, near = CALM.matches ? 1 : 1.13 + 0.07 * Math.sin(time / 5);
  const shift = { x: Math.sin(time / 7), y: Math.cos(time / 9) };
  cover(context, picture, picture.naturalWidth, picture.naturalHeight, width, height, CALM.matches ? {} : { near, ...shift });
}

// The middle of a picture, as much of it as fills the place. x, y: how far off the middle, from −1 to 1.
function cover(context, picture, w, h, width, height, { near = 1, x = 0, y = 0 } = {}) {
  const scale = Math.max(width / w, height / h) * near, [across, down] = [width / scale, height / scale];
  context.drawImage(picture, ((w - across) / 2) * (1 + x), ((h - down) / 2) * (1 + y), across, down, 0, 0, width, height);
}

function flipped(context, width, mirrored, draw) {
  context.setTransform(mirrored ? -1 : 1, 0, 0, 1, mirrored ? width : 0, 0);
  draw();
  context.resetTransform();
}
