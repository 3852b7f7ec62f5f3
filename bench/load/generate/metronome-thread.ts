/** The thread behind a ThreadMetronome: sleeps until the time in `due`, and says so once for every change of `state`. */
import { parentPort, workerData } from 'node:worker_threads';
import { hrtimeMs } from './monotonic.ts';

export interface MetronomeMemory {
  /** Counts the wishes. */
  readonly state: Int32Array;
  /** When to wake, by hrtimeMs. Written before `state` is. */
  readonly due: Float64Array;
}

const { state, due } = workerData as MetronomeMemory;
// 0, not what is there by now: a wish that came before this line counts.
let fired = 0;
for (;;) {
  const wish = Atomics.load(state, 0);
  if (wish === fired) {
    Atomics.wait(state, 0, wish);
    continue;
  }
  const leftMs = due[0]! - hrtimeMs();
  if (leftMs > 0 && Atomics.wait(state, 0, wish, leftMs) !== 'timed-out') continue;
  fired = wish;
  parentPort?.postMessage(0);
}
