// How large frames are painted: the largest size that keeps the pace, found by what frames take.

const SIDES = [160, 192, 224, 256, 320, 384, 448, 512, 640]; // pixels of the longer side
const SHORTEST = 120; // pixels of the shorter side: what is smaller is a blur when it is enlarged
const RATES = { smoother: 8, sharper: 4 }; // frames a second that are kept, by what is preferred
const MOST = 30; // frames a second that are worth the battery
const LOOK = 5; // frames before anything is changed
const SETTLE = 2; // after a change, that say nothing: buffers and shaders are made
const RESPITE = 5_000; // milliseconds until a size that was too much is tried again; twice that after each time more

class Pace {
  // begin: the side of the first frame. fixed: a side that does not change. prefer: a key of RATES.
  constructor(begin, fixed, prefer) {
    this.at = Math.max(0, SIDES.findLastIndex((side) => side <= begin));
    this.fixed = fixed;
    this.ends = []; // of the last frames
    this.prefer(prefer);
  }

  // Begin to measure anew, for another rate.
  prefer(what) {
    this.slow = 1000 / (RATES[what] ?? RATES.smoother); // milliseconds: after a frame that takes longer they become smaller
    this.quick = 0.8 * this.slow; // milliseconds that a larger frame may take
    this.taken = [];
    this.skip = SETTLE;
    this.respite = new Map(); // by place in SIDES: until when a side that was too much is not tried, and how long that was
  }

  get side() { return this.fixed ?? SIDES[this.at]; }

  // Width and height of a frame of that aspect, multiples of four: the network halves both twice.
  shape(aspect, wanted = this.side) {
    const four = (length) => Math.max(32, 4 * Math.round(length / 4));
    const side = this.fixed ? wanted : Math.max(wanted, SHORTEST * Math.max(aspect, 1 / aspect));
    return aspect >= 1 ? [four(side), four(side / aspect)] : [four(side * aspect), four(side)];
  }

  // A frame took so many milliseconds.
  note(took) {
    const now = performance.now();
    this.ends = [...this.ends.filter((end) => now - end < 2000), now];
    if (this.skip-- > 0) return;
    this.taken.push(took);
    if (this.fixed || this.taken.length < LOOK) return;
    const usual = this.taken.sort((a, b) => a - b)[LOOK >> 1];
    this.taken = [];
    const would = (at) => usual * (SIDES[at] / SIDES[this.at]) ** 2;
    if (usual > 0.92 * this.slow) {
      const length = 2 * (this.respite.get(this.at)?.length ?? RESPITE / 2);
      this.respite.set(this.at, { until: now + length, length });
      this.#turn(Math.max(0, SIDES.findLastIndex((_, at) => at < this.at && would(at) < this.quick)));
    } else if (this.at + 1 < SIDES.length && would(this.at + 1) < this.quick && !(now < this.respite.get(this.at + 1)?.until)) {
      this.#turn(this.at + 1);
    }
  }

  get rate() {
    const { ends } = this;
    return ends.length > 1 ? ((ends.length - 1) * 1000) / (ends.at(-1) - ends[0]) : 0;
  }

  #turn(at) {
    if (at !== this.at) this.skip = SETTLE;
    this.at = at;
  }
}
