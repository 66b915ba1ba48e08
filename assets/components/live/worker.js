// Paints frames beside the page, so that it stays quick to the touch. Told, one after the other:
//   { kind: "load", backends: { name: [file, file] }, model: file }, a file being { url, bytes, sha256 }
//     -> { kind: "loading", done, total } … { kind: "ready", backend } or { kind: "failed", sentence }
//   { kind: "paint", frame, look?, vectors, blend, strength, steadiness, still }, frame and look being { pixels, width, height }
//     -> { kind: "painted", frame, still } or { kind: "failed", sentence }
// What the network is, `nst_core/instant/graph.py` says. The files are checked before they are used, and kept by the browser.
const SIDE = 256; // pixels of the squares that the predictor looks at
const NUMBERS = 100; // of a style vector
const LINES = 16; // channels that the core hands to the last stage
const IDLE = 32; // pixels of what is fed where nothing is asked: as few as work
const PATIENCE = 120; // milliseconds of a small frame: a graphics processor that takes longer is none
const MOVED = 25; // of 255: a pixel that changed so much is hardly drawn towards what it was
const STILL = Float32Array.from({ length: 256 }, (_, change) => Math.exp(-((change / MOVED) ** 2)));

let runtime, session, own, before, noises; // own: the content's vector; before: the last frame, and what it was painted as
let order = Promise.resolve();

self.onmessage = ({ data }) => {
  order = order.then(() => ({ load, paint })[data.kind](data)).catch((error) => {
    postMessage({ kind: "failed", sentence: error.sentence ?? `The painter stopped in this browser (${error.message ?? error}).` });
  });
};

// --- the runtime and its model -------------------------------------------------------------------------------------

async function load({ backends, model }) {
  const all = [model, ...Object.values(backends).flat()];
  const network = await fetched(model, all);
  if (await graphics()) {
    const name = "Suspending" in WebAssembly ? "webgpu" : "webgpu-everywhere";
    try {
      await begin(backends[name], network, "webgpu", all);
      if (await quick()) return postMessage({ kind: "ready", backend: "webgpu" });
    } catch (error) {
      console.info("Live: not on the graphics processor.", error);
    }
  }
  await begin(backends.wasm, network, "wasm", all);
  postMessage({ kind: "ready", backend: "wasm" });
}

// Whether there is a graphics processor; one that the processor plays is slower than WebAssembly.
async function graphics() {
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  return adapter && !(adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter);
}

async function begin([script, binary], network, provider, all) {
  const [code, wasmBinary] = [await fetched(script, all), await fetched(binary, all)];
  const address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  runtime = await import(address);
  URL.revokeObjectURL(address);
  Object.assign(runtime.env.wasm, { wasmBinary, numThreads: 1 }); // more would need a page that is isolated from others
  session = await runtime.InferenceSession.create(network.slice(0), {
    executionProviders: [provider],
    logSeverityLevel: 3, // errors only
    enableCpuMemArena: false, // it would keep what the largest snapshot took
  });
  runtime.env.wasm.wasmBinary = undefined; // 14 MB or more that nobody needs again
}

async function quick() {
  const small = { pixels: new Uint8ClampedArray(4 * 96 * 72).fill(128), width: 96, height: 72 };
  await run(small, new Float32Array(NUMBERS));
  const start = performance.now();
  const painted = await run(small, new Float32Array(NUMBERS));
  return performance.now() - start < PATIENCE && painted.every(Number.isFinite);
}

// A file's bytes: as kept from last time, else fetched; only those whose checksum is the one that the app was written with.
async function fetched(file, all) {
  const cache = await self.caches?.open("nst-live").catch(() => null);
  const kept = await cache?.match(name(file));
  const bytes = kept ? await kept.arrayBuffer() : await got(file);
  if (self.crypto?.subtle && base64(await crypto.subtle.digest("SHA-256", bytes)) !== file.sha256) {
    await cache?.delete(name(file));
    if (kept) return fetched(file, all);
    throw new Excuse(`The file ${file.url} is not the one that this app was written with (its checksum differs), so it was not used.`);
  }
  if (!kept && cache) await keep(cache, file, bytes, all);
  return bytes;
}

async function got(file) {
  const host = new URL(file.url).host;
  try {
    // outside of HTTPS a page has no checksums of its own; the browser's check shows no progress
    const response = await fetch(file.url, self.crypto?.subtle ? {} : { integrity: `sha256-${file.sha256}` });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const bytes = new Uint8Array(file.bytes);
    let done = 0;
    for await (const part of parts(response)) {
      if (done + part.length > bytes.length) return new ArrayBuffer(0); // its checksum will say what it is: not ours
      bytes.set(part, done);
      done += part.length;
      postMessage({ kind: "loading", done, total: file.bytes });
    }
    return bytes.buffer;
  } catch (error) {
    throw new Excuse(`The painter's files could not be had from ${host} (${error.message}).`);
  }
}

async function* parts(response) {
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

// What other versions of the app have left makes room.
async function keep(cache, file, bytes, all) {
  const wanted = new Set(all.map(name));
  try {
    for (const { url } of await cache.keys()) if (!wanted.has(url)) await cache.delete(url);
    await cache.put(name(file), new Response(bytes));
  } catch {} // a full disk, or a private window
}

const name = (file) => `${self.location.origin}/nst-live/${encodeURIComponent(file.sha256)}`;
const base64 = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)));

class Excuse extends Error {
  get sentence() { return this.message; }
}

// --- frames --------------------------------------------------------------------------------------------------------

async function paint({ frame, look, vectors, blend, strength, steadiness, still }) {
  const content = look ? await predicted(look) : own;
  const vector = mixed(vectors, blend, strength, content);
  if (!still) own = content;
  const painted = await run(frame, vector);
  if (!still) steady(frame, painted, [strength, blend, ...vectors.flat()].join(), steadiness);
  const pixels = new Uint8ClampedArray(4 * frame.width * frame.height).fill(255);
  for (let i = 0, j = 0; j < pixels.length; i += 3, j += 4) {
    pixels[j] = 255 * painted[i]; // the array rounds and clips
    pixels[j + 1] = 255 * painted[i + 1];
    pixels[j + 2] = 255 * painted[i + 2];
  }
  postMessage({ kind: "painted", still, frame: { ...frame, pixels } }, [pixels.buffer]);
}

// (1 − strength) · the content's own + strength · the blend of one or two styles.
function mixed([first, second = first], blend, strength, content) {
  return Float32Array.from(first, (number, i) => {
    const style = number + blend * (second[i] - number);
    return content ? content[i] + strength * (style - content[i]) : style;
  });
}

// The core and the last convolutions see the frame at the same size: strokes are as large as the network draws them.
async function run(frame, vector) {
  const content = tensor(frame);
  const feeds = { ...idle(), content, detail: content, noise: noise(frame.width, frame.height), vector: array(vector, [NUMBERS]) };
  return (await session.run(feeds, ["painted"])).painted.data;
}

// White noise of unit variance, the same for every frame of a size, so that strokes stand still: as `nst_core.instant.noise` makes it.
function noise(width, height) {
  if (noises?.width !== width || noises.height !== height) {
    let state = 0;
    const random = () => {
      let bits = (state = (state + 0x6d2b79f5) | 0);
      bits = Math.imul(bits ^ (bits >>> 15), bits | 1);
      bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
      return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
    };
    const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    noises = { width, height, values: Float32Array.from({ length: width * height }, normal) };
  }
  return array(noises.values, [1, height, width, 1]);
}

// The vector of a frame's own style: the mean over the fewest squares that cover it, as `nst_core.instant.vectors.squares`.
async function predicted({ pixels, width, height }) {
  const count = Math.ceil(Math.max(width, height) / SIDE), sum = new Float32Array(NUMBERS);
  for (let at = 0; at < count; at++) {
    const start = count > 1 ? Math.round(((Math.max(width, height) - SIDE) * at) / (count - 1)) : 0;
    const square = cut(pixels, width, width > height ? start : 0, width > height ? 0 : start);
    const found = await session.run({ ...idle(), styles: tensor(square) }, ["predicted"]);
    found.predicted.data.forEach((number, i) => (sum[i] += number / count));
  }
  return sum;
}

function cut(pixels, width, left, top) {
  const square = new Uint8ClampedArray(4 * SIDE * SIDE);
  for (let y = 0; y < SIDE; y++) {
    const start = 4 * ((top + y) * width + left);
    square.set(pixels.subarray(start, start + 4 * SIDE), 4 * SIDE * y);
  }
  return { pixels: square, width: SIDE, height: SIDE };
}

const array = (values, shape) => new runtime.Tensor("float32", values, shape);

function tensor({ pixels, width, height }) {
  const values = new Float32Array(3 * width * height);
  for (let i = 0, j = 0; i < values.length; i += 3, j += 4) {
    values[i] = pixels[j] / 255;
    values[i + 1] = pixels[j + 1] / 255;
    values[i + 2] = pixels[j + 2] / 255;
  }
  return array(values, [1, height, width, 3]);
}

// The model's three parts are run together: what nobody asks for is fed next to nothing.
function idle() {
  const blank = (...shape) => array(new Float32Array(shape.reduce((a, b) => a * b)), shape);
  const pictures = Object.fromEntries(["styles", "content", "detail", "ground", "ground_detail", "strip"].map((name) => [name, blank(1, IDLE, IDLE, 3)]));
  const planes = Object.fromEntries(["noise", "ground_noise", "shares"].map((name) => [name, blank(1, IDLE, IDLE, 1)]));
  const strip = { wide_lines: blank(1, LINES, IDLE, IDLE), roi: blank(8) };
  return { ...pictures, ...planes, ...strip, vector: blank(NUMBERS), vectors: blank(1, NUMBERS) };
}

// Draws every pixel towards what it was painted as before, as far as what is painted has not moved there: less flicker, no trail.
// wish: a style that was just chosen shows at once.
function steady({ pixels, width, height }, painted, wish, steadiness) {
  if (steadiness && before?.width === width && before.height === height && before.wish === wish) {
    for (let i = 0, j = 0; i < painted.length; i += 3, j += 4) {
      const change = (c) => Math.abs(pixels[j + c] - before.pixels[j + c]);
      const share = steadiness * STILL[Math.max(change(0), change(1), change(2))];
      for (let c = 0; c < 3; c++) painted[i + c] += share * (before.painted[i + c] - painted[i + c]);
    }
  }
  before = { pixels, width, height, painted, wish };
}
