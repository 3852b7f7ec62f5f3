/** What became of requests, in columns: recording one is a few stores, and a batch crosses to another process as it is. */

/** Beyond gRPC's own status codes. */
export const DROPPED = 254;
export const UNFINISHED = 255;

export interface SampleBatch {
  readonly count: number;
  /** Intended send time on the schedule's axis, ms; in a closed loop the real one. */
  readonly atMs: Float64Array;
  /** Real minus intended send time, µs. */
  readonly lateUs: Uint32Array;
  /** From the intended send time to the status, µs. */
  readonly latencyUs: Uint32Array;
  /** A gRPC status code, DROPPED or UNFINISHED. */
  readonly code: Uint8Array;
  /** Of the coverage; 0 without one. */
  readonly shardsExpected: Uint32Array;
  readonly shardsAnswered: Uint32Array;
}

export class SampleBuffer {
  #count = 0;
  #atMs = new Float64Array(0);
  #lateUs = new Uint32Array(0);
  #latencyUs = new Uint32Array(0);
  #code = new Uint8Array(0);
  #shardsExpected = new Uint32Array(0);
  #shardsAnswered = new Uint32Array(0);

  constructor(capacity = 4096) {
    this.#grow(capacity);
  }

  get count(): number {
    return this.#count;
  }

  add(
    atMs: number,
    lateUs: number,
    latencyUs: number,
    code: number,
    shardsExpected: number,
    shardsAnswered: number,
  ): void {
    const i = this.#count++;
    if (i === this.#code.length) this.#grow(i * 2);
    this.#atMs[i] = atMs;
    this.#lateUs[i] = lateUs;
    this.#latencyUs[i] = latencyUs;
    this.#code[i] = code;
    this.#shardsExpected[i] = shardsExpected;
    this.#shardsAnswered[i] = shardsAnswered;
  }

  /** What was added since the last time, as a copy. */
  take(): SampleBatch {
    const count = this.#count;
    this.#count = 0;
    return {
      count,
      atMs: this.#atMs.slice(0, count),
      lateUs: this.#lateUs.slice(0, count),
      latencyUs: this.#latencyUs.slice(0, count),
      code: this.#code.slice(0, count),
      shardsExpected: this.#shardsExpected.slice(0, count),
      shardsAnswered: this.#shardsAnswered.slice(0, count),
    };
  }

  #grow(capacity: number): void {
    this.#atMs = grown(this.#atMs, new Float64Array(capacity));
    this.#lateUs = grown(this.#lateUs, new Uint32Array(capacity));
    this.#latencyUs = grown(this.#latencyUs, new Uint32Array(capacity));
    this.#code = grown(this.#code, new Uint8Array(capacity));
    this.#shardsExpected = grown(this.#shardsExpected, new Uint32Array(capacity));
    this.#shardsAnswered = grown(this.#shardsAnswered, new Uint32Array(capacity));
  }
}

function grown<T extends { set(from: T): void }>(old: T, larger: T): T {
  larger.set(old);
  return larger;
}
