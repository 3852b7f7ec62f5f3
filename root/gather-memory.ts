/** G6: what all answers of a root hold in parts at one time is bounded, so that a root refuses an answer before it runs out. */

import { totalmem } from 'node:os';
import { constrainedMemory } from 'node:process';
import { RegatherError } from '../shared/errors/errors.ts';

export class GatherMemory {
  readonly limitBytes: number;
  heldBytes = 0;

  /** Default: a quarter of the memory that the process may have (its container's, or the machine's). */
  constructor(limitBytes = defaultLimit()) {
    this.limitBytes = limitBytes;
  }

  /** Throws RegatherError GATHER_FULL, and holds nothing then. What was held is given back with `release`. */
  hold(sizeBytes: number): void {
    if (this.heldBytes + sizeBytes > this.limitBytes) {
      throw new RegatherError(
        'GATHER_FULL',
        `the root holds ${this.heldBytes} bytes of partials and may hold ${this.limitBytes} (root.max_gather_bytes); ` +
          `another ${sizeBytes} don't fit`,
      );
    }
    this.heldBytes += sizeBytes;
  }

  release(sizeBytes: number): void {
    this.heldBytes -= sizeBytes;
  }
}

function defaultLimit(): number {
  const constrained = constrainedMemory();
  const memory = constrained > 0 && constrained < totalmem() ? constrained : totalmem();
  return Math.floor(memory / 4);
}
