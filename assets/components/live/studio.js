// A camera or photographs, painted live. data: { backends, model, pictures, styles: [{ name, digest, title, vector }], side };
// addresses in it are relative to the app's. Sends `snapped` { content, painted, styles, shares, strength, seconds }, pictures as PNGs
// in base64, and `instead` when the painter cannot be had and somebody wants Instant. Nothing else leaves the page.
export default function ({ data: [data], parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".live");
  if (!root.studio || root.studio.closed) root.studio = new Studio(root);
  root.studio.follow(data, setTriggerValue);
  // Streamlit calls this also when new data came before this module was loaded: the page is still there then.
  return () => root.isConnected || root.studio.close();
}

const SHOWN = 768; // pixels of the canvas' longer side, whatever is painted, so that a clip keeps its size; and of a snapshot
const LOOKED = 256; // pixels of the shorter side of what the predictor sees
const LOOK_EVERY = 3000; // milliseconds between looks at the content's own style
const LONGEST = 60; // seconds of a clip
const CLIPS = ["video/mp4;codecs=avc1", "video/webm;codecs=vp9", "video/webm"]; // the first that the browser can write
const REMEMBERED = "nst.live"; // the controls, while the tab is open

class Studio {
  constructor(root) {
    this.root = root;
    this.find = (name) => root.querySelector(`.${name}`);
    this.canvas = this.find("painted");
    this.samples = this.source = new Samples();
    this.grabbed = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    this.small = document.createElement("canvas").getContext("2d");
    this.frames = 0;
    this.#controls();
    this.#opening();
    this.timer = setInterval(() => this.#tell(), 1000);
    document.addEventListener("visibilitychange", this.seen = () => document.hidden || this.#capture());
  }

  // What the page says, at first and at every change.
  follow(data, send) {
    Object.assign(this, { data, send });
    this.samples.follow(data.pictures.map(address));
    const [first, second] = data.styles;
    this.find("blend").hidden = !second;
    if (second) this.find("blend").querySelector("b").textContent = `${first.title} ↔ ${second.title}`;
    if (!this.worker && !this.failed) this.#load();
    this.#dress();
    this.#capture();
  }

  close() {
    clearInterval(this.timer);
    document.removeEventListener("visibilitychange", this.seen);
    this.closed = true;
    this.recorder?.stop();
    this.source.close();
    this.worker?.terminate();
  }

  // --- the painter --------------------------------------------------------------------------------------------------

  #load() {
    this.code = URL.createObjectURL(new Blob([WORKER], { type: "text/javascript" }));
    this.failed = false;
    this.looked = undefined;
    this.worker = new Worker(this.code, { type: "module" });
    this.worker.onmessage = ({ data }) => this[{ loading: "progress", ready: "begin", painted: "show", failed: "fail" }[data.kind]](data);
    this.worker.onerror = (event) => this.fail({ sentence: `This browser cannot run the painter (${event.message || "no worker"}).` });
    const resolved = (file) => ({ ...file, url: address(file.url) });
    const backends = Object.fromEntries(Object.entries(this.data.backends).map(([name, files]) => [name, files.map(resolved)]));
    this.worker.postMessage({ kind: "load", backends, model: resolved(this.data.model) });
    this.say("");
    this.#state("The painter is on its way …");
  }

  progress({ done, total }) {
    const mb = (bytes) => (bytes / 1e6).toFixed(0);
    this.#state(total > 5e6 ? `The painter is on its way: ${mb(done)} of ${mb(total)} MB …` : "The painter is on its way …", false);
  }

  begin({ backend }) {
    URL.revokeObjectURL(this.code);
    this.pace = new Pace(backend === "webgpu" ? 384 : 160, this.data.side, this.settings.prefer);
    this.backend = backend === "webgpu" ? "graphics processor" : "processor";
    this.root.dataset.backend = backend;
    this.#dress();
    this.#state("The first frame is on the easel …");
    this.#capture();
  }

  fail({ sentence }) {
    this.busy = this.snapping = false;
    this.failed = true;
    this.root.classList.remove("snapping");
    this.worker.terminate();
    this.worker = this.pace = null;
    this.#dress();
    this.say(sentence, true, [
      ["Try again", () => this.#load()],
      ["Take a photograph on Instant instead", () => this.send("instead", true)],
    ]);
  }

  // One frame on its way; the next follows when it is back. Nothing while nobody looks.
  #capture() {
    const { source, pace, data } = this;
    if (this.busy || this.closed || !pace || !data.styles.length || document.hidden) return;
    if (!source.ready) return void setTimeout(() => this.#capture(), 100);
    this.busy = true;
    this.started = performance.now();
    const still = this.snapping;
    const frame = this.#grab(...pace.shape(source.aspect, still ? SHOWN : undefined));
    const { blend, strength, steadiness } = this.settings;
    const mix = { vectors: data.styles.map(({ vector }) => vector), blend, strength, steadiness };
    const look = this.#look(strength, still);
    this.told = { frame, look, styles: data.styles, blend, strength };
    this.worker.postMessage({ kind: "paint", frame, look, ...mix, still: Boolean(still) });
  }

  #grab(width, height) {
    Object.assign(this.grabbed.canvas, { width, height });
    this.grabbed.imageSmoothingQuality = "high";
    this.source.draw(this.grabbed, width, height, this.settings.mirror ?? this.source.mirrored);
    return { pixels: this.grabbed.getImageData(0, 0, width, height).data, width, height };
  }

  // What is before the painter, as its predictor looks at it: now and then, when the content's own style matters.
  #look(strength, still) {
    const now = performance.now();
    if (strength === 1 || (!still && now - this.looked < LOOK_EVERY)) return null;
    if (!still) this.looked = now;
    const { aspect } = this.source, longer = Math.round(LOOKED * Math.max(aspect, 1 / aspect));
    return aspect >= 1 ? this.#grab(longer, LOOKED) : this.#grab(LOOKED, longer);
  }

  show({ frame, still }) {
    const took = performance.now() - this.started;
    this.busy = false;
    if (still) this.#snapped(frame, took);
    else {
      if (!this.frames++) this.#state("");
      this.told.look || this.pace.note(took);
      this.#draw(frame);
      this.painted = { ...frame, of: this.told.frame };
    }
    setTimeout(() => this.#capture(), Math.max(0, 1000 / MOST - took));
  }

  #draw({ pixels, width, height }) {
    Object.assign(this.small.canvas, { width, height });
    this.small.putImageData(new ImageData(pixels, width, height), 0, 0);
    this.#fit(width / height);
    this.canvas.getContext("2d").drawImage(this.small.canvas, 0, 0, this.canvas.width, this.canvas.height);
  }

  // The canvas takes the source's aspect; a clip under way ends with it.
  #fit(aspect) {
    const [width, height] = Pace.prototype.shape(aspect, SHOWN);
    if (Math.abs(this.canvas.width - width) < 8 && Math.abs(this.canvas.height - height) < 8) return;
    this.recorder?.stop();
    Object.assign(this.canvas, { width, height });
    this.canvas.getContext("2d").imageSmoothingQuality = "high";
  }

  // Until the first painted frame: what will be painted, unpainted.
  #opening() {
    if (this.closed || this.frames) return;
    if (this.source.ready) {
      this.#fit(this.source.aspect);
      this.source.draw(this.canvas.getContext("2d"), this.canvas.width, this.canvas.height, false);
    }
    setTimeout(() => this.#opening(), 50);
  }

  // --- controls -----------------------------------------------------------------------------------------------------

  #controls() {
    this.settings = { blend: 0.5, strength: 1, steadiness: 0.5, prefer: "smoother", ...remembered() };
    for (const range of this.root.querySelectorAll("input[type=range]")) {
      range.value = this.settings[range.name];
      const set = () => {
        this.settings[range.name] = Number(range.value);
        const words = range.nextElementSibling.textContent = `${Math.round(100 * range.value)} %`;
        range.setAttribute("aria-valuetext", words);
        remember(this.settings);
      };
      range.oninput = set;
      set();
    }
    const prefer = this.root.querySelector("select[name=prefer]");
    prefer.value = this.settings.prefer;
    prefer.onchange = () => {
      this.settings.prefer = prefer.value;
      this.pace?.prefer(prefer.value);
      remember(this.settings);
    };
    this.find("more").open = !UPRIGHT.matches; // a phone's screen is for the picture and the styles
    const acts = { camera: "turnOn", other: "other", snap: "snap", record: "record", mirror: "mirror" };
    for (const [name, act] of Object.entries(acts)) this.find(name).onclick = () => this[act]();
    this.#dress();
  }

  // What the buttons say.
  #dress() {
    const on = this.source !== this.samples;
    label(this.find("camera"), on ? "Camera off" : "Use my camera");
    this.find("camera").setAttribute("aria-pressed", on);
    label(this.find("other"), on ? "Other camera" : "Next photograph");
    this.find("mirror").setAttribute("aria-pressed", this.settings.mirror ?? this.source.mirrored);
    this.find("record").setAttribute("aria-pressed", Boolean(this.recorder));
    label(this.find("record"), this.recorder ? "Stop" : "Record");
    this.find("snap").disabled = !this.pace; // nothing paints yet, or no more
    this.find("record").disabled = !this.pace && !this.recorder;
    this.find("record").hidden = !window.MediaRecorder || !this.canvas.captureStream;
    const styles = this.data?.styles.map(({ title }) => title).join(" and ");
    this.canvas.setAttribute("aria-label", `${this.source.title}, painted live${styles ? ` in ${styles}` : ""}`);
  }

  turnOn() {
    if (this.source !== this.samples) return this.#turn(this.samples);
    return this.#open({ facingMode: "user" });
  }

  async other() {
    if (this.source === this.samples) return this.samples.next();
    const wish = await this.source.next();
    this.find("other").hidden = !wish;
    if (!wish) return;
    this.source.close(); // a phone opens one at a time
    await this.#open(wish);
  }

  async #open(wish) {
    if (this.opening) return;
    this.opening = true;
    try {
      const camera = await Camera.open(wish);
      if (this.closed) return camera.close();
      camera.track.onended = () => { this.#turn(this.samples); this.say("The camera has stopped."); };
      this.#turn(camera);
      this.find("other").hidden = !(await camera.next());
      this.say("");
    } catch (error) {
      this.#turn(this.samples);
      this.say(error.message);
    } finally {
      this.opening = false;
    }
  }

  #turn(source) {
    if (this.source !== this.samples) this.source.close();
    this.source = source;
    if (source.video) this.root.append(source.video); // some phones play only what is on the page
    this.looked = undefined;
    delete this.settings.mirror; // each has its own way
    this.find("other").hidden = false;
    this.#dress();
    this.#capture();
  }

  mirror() {
    this.settings.mirror = !(this.settings.mirror ?? this.source.mirrored);
    this.#dress();
  }

  // --- snapshots and clips ------------------------------------------------------------------------------------------

  snap() {
    if (!this.pace || this.snapping) return;
    this.snapping = true;
    this.root.classList.add("snapping");
    this.say("Painting the snapshot …");
  }

  #snapped(frame, took) {
    const { frame: taken, styles, blend, strength } = this.told, [content, painted] = [taken, frame].map(png);
    const sources = styles.map(({ name, digest }) => ({ name, digest })), shares = styles[1] ? [1 - blend, blend] : [1];
    this.snapping = false;
    this.root.classList.remove("snapping");
    this.say("The snapshot is in your session, below.", true, [], 5000);
    this.send("snapped", { content, painted, styles: sources, shares, strength, seconds: took / 1000 });
  }

  record() {
    if (this.recorder) return this.recorder.stop();
    const type = CLIPS.find((kind) => MediaRecorder.isTypeSupported(kind)), parts = [], start = performance.now();
    const recorder = this.recorder = new MediaRecorder(this.canvas.captureStream(), { mimeType: type, videoBitsPerSecond: 4e6 });
    recorder.ondataavailable = ({ data }) => parts.push(data);
    recorder.onstop = () => {
      clearTimeout(end);
      this.recorder = null;
      if (this.closed) return;
      this.#keep(new Blob(parts, { type: recorder.mimeType }), (performance.now() - start) / 1000);
      this.#dress();
    };
    recorder.start(1000);
    const end = setTimeout(() => recorder.stop(), 1000 * LONGEST);
    this.since = start;
    this.find("clip").hidden = true;
    this.#dress();
  }

  #keep(clip, seconds) {
    const link = this.find("clip"), kind = clip.type.startsWith("video/mp4") ? "mp4" : "webm";
    URL.revokeObjectURL(link.href);
    Object.assign(link, { href: URL.createObjectURL(clip), download: `live.${kind}`, hidden: false });
    link.textContent = `Save the clip · ${seconds.toFixed(0)} s, ${(clip.size / 1e6).toFixed(1)} MB`;
    link.focus();
  }

  // --- words --------------------------------------------------------------------------------------------------------

  // aloud: not for screen readers where false, as for what changes all the time. ways: out of it, as buttons. stay: milliseconds
  say(sentence, aloud = true, ways = [], stay = null) {
    clearTimeout(this.fading);
    if (stay) this.fading = setTimeout(() => this.say(""), stay);
    this.spoken = sentence !== "";
    this.#write(sentence, aloud, ways);
  }

  // How far the painter is: only where nothing else is said.
  #state(sentence, aloud = true) {
    if (!this.spoken) this.#write(sentence, aloud, []);
  }

  #write(sentence, aloud, ways) {
    const place = this.find("said");
    place.setAttribute("aria-live", aloud ? "polite" : "off");
    place.replaceChildren(sentence, ...ways.map(([textContent, onclick]) =>
      Object.assign(document.createElement("button"), { type: "button", textContent, onclick })));
  }

  #tell() {
    const { painted, pace } = this;
    if (!painted || !pace) return;
    const rate = pace.rate, per = rate < 9.5 ? rate.toFixed(1) : rate.toFixed(0);
    const clip = this.recorder ? `● ${((performance.now() - this.since) / 1000).toFixed(0)} s · ` : "";
    const [said, device] = this.find("pace").children;
    said.textContent = `${clip}${per} frames a second · ${painted.width} × ${painted.height} px`;
    device.textContent = ` · this device's ${this.backend}`;
    Object.assign(this.root.dataset, { frames: this.frames, rate, side: Math.max(painted.width, painted.height) });
  }
}

class Excuse extends Error {}

// Relative addresses are the app's own, below a proxy's path too: a page's name is the last word of its address.
function address(path) {
  const app = window.__streamlit?.BACKEND_BASE_URL?.replace(/\/?$/, "/") ?? location.pathname.replace(/[^/]*\/?$/, "");
  return new URL(path, new URL(app, location.origin)).href;
}


function label(button, words) {
  button.querySelector("span").textContent = words;
}

function remembered() {
  try { return JSON.parse(sessionStorage.getItem(REMEMBERED)) ?? {}; } catch { return {}; }
}

function remember({ blend, strength, steadiness, prefer }) {
  try { sessionStorage.setItem(REMEMBERED, JSON.stringify({ blend, strength, steadiness, prefer })); } catch {}
}

function png({ pixels, width, height }) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  canvas.getContext("2d").putImageData(new ImageData(pixels, width, height), 0, 0);
  return canvas.toDataURL("image/png").split(",")[1];
}
