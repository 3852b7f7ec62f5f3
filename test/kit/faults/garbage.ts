import { draw } from './draw.ts';
import { type Fault, injected, proxyOf } from './fault.ts';

export interface GarbageOptions {
  readonly sizeBytes?: number;
  readonly seed?: number;
}

/**
 * Random bytes between the worker's own on every connection that is open: once, so there is nothing to heal. They are inserted and none is
 * changed, because TCP's checksum lets no changed byte through and nothing above it has one: an answer that was changed inside could not be told
 * from another.
 */
export function garbage({ sizeBytes = 256, seed = 1 }: GarbageOptions = {}): Fault {
  return {
    label: 'garbage bytes',
    effect: 'failing',
    async inject(target) {
      const bytes = Buffer.from(Array.from({ length: sizeBytes }, (_, i) => draw(seed, i) * 256));
      proxyOf(target, 'garbage bytes').inject(bytes);
      return injected(() => {});
    },
  };
}
