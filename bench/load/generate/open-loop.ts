/**
 * Sends each request of a schedule when it is due, whatever became of those before, and measures it from that moment: the time that a request
 * waits because the generator or the target is behind is part of its latency, as it would be for a user.
 */
import type { Share } from '../schedule/deal.ts';
import { InFlight, type Loop, type LoopParts } from './loop.ts';
import type { Metronome } from './metronome.ts';
import { DROPPED, UNFINISHED } from './sample.ts';

/** Due requests that one turn of the event loop sends before it reads answers. */
const PER_TURN = 32;
/** A generator further behind than this won't catch up: what is that late isn't sent, so that a run ends when it should. */
export const HOPELESS_MS = 1000;

export class OpenLoop implements Loop {
  readonly #share: Share;
  readonly #parts: LoopParts;
  readonly #metronome: Metronome;
  readonly #maxInFlight: number;
  readonly #inFlight = new InFlight();
  #startMs = 0;
  #next = 0;
  #end: number;

  constructor(share: Share, maxInFlight: number, metronome: Metronome, parts: LoopParts) {
    this.#share = share;
    this.#maxInFlight = maxInFlight;
    this.#metronome = metronome;
    this.#parts = parts;
    this.#end = share.times.length;
  }

  get done(): boolean {
    return this.#next >= this.#end && this.#inFlight.size === 0;
  }

  start(startMs: number): void {
    this.#startMs = startMs;
    this.#metronome.onWake = () => this.#turn();
    this.#turn();
  }

  stop(): void {
    this.#end = this.#next;
    if (this.done) this.#parts.onDone();
  }

  abandon(): void {
    const { times } = this.#share;
    while (this.#next < this.#end) this.#parts.samples.add(times[this.#next++]!, 0, 0, DROPPED, 0, 0);
    this.#inFlight.drain((atMs, lateUs) => this.#parts.samples.add(atMs, lateUs, 0, UNFINISHED, 0, 0));
  }

  #turn(): void {
    const { times } = this.#share;
    for (let sent = 0; this.#next < this.#end; sent++) {
      const now = this.#parts.now() - this.#startMs;
      const due = times[this.#next]!;
      if (due > now || sent === PER_TURN) {
        this.#metronome.wakeAt(this.#startMs + due);
        return;
      }
      const index = this.#next++;
      if (now - due > HOPELESS_MS || this.#inFlight.size >= this.#maxInFlight) {
        this.#parts.samples.add(due, 0, 0, DROPPED, 0, 0);
      } else this.#send(index, due, now);
    }
    if (this.done) this.#parts.onDone();
  }

  #send(index: number, due: number, now: number): void {
    const { sender, samples, onDone } = this.#parts;
    const lateUs = (now - due) * 1000;
    const id = this.#inFlight.add(due, lateUs);
    sender.send(this.#share.bodies[this.#share.picks[index]!]!, (code, shards) => {
      if (!this.#inFlight.remove(id)) return;
      const latencyUs = (this.#parts.now() - this.#startMs - due) * 1000;
      samples.add(due, lateUs, latencyUs, code, shards?.expected ?? 0, shards?.answered ?? 0);
      if (this.done) onDone();
    });
  }
}
