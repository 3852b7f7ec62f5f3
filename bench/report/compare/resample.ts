/** Draws stretches of neighbouring blocks with replacement, the last followed by the first, until there are as many as there were. */
import type { Random } from '../../load/random.ts';

/** Adds to `times` how often each block was drawn. */
export function drawBlocks(times: Float64Array, length: number, random: Random): void {
  const blocks = times.length;
  times.fill(0);
  for (let drawn = 0; drawn < blocks; ) {
    const from = Math.floor(random() * blocks);
    for (let i = 0; i < length && drawn < blocks; i++, drawn++) times[(from + i) % blocks]!++;
  }
}
