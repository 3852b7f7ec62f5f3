import { type Clock, systemClock, type Timer } from '../../../shared/clock.ts';
import { type Fault, type Injected, injected } from './fault.ts';

export interface FlappingOptions {
  /** Broken for so long, then well for so long. Default 1,000 ms each. */
  readonly brokenMs?: number;
  readonly wellMs?: number;
  readonly clock?: Clock;
}

/** Another fault, on and off: it begins broken. */
export function flapping(fault: Fault, options: FlappingOptions = {}): Fault {
  const { brokenMs = 1000, wellMs = 1000, clock = systemClock } = options;
  return {
    label: `flapping ${fault.label}`,
    effect: fault.effect,
    async inject(target) {
      let current: Injected | undefined = await fault.inject(target);
      let timer: Timer | undefined;
      let turning = Promise.resolve();
      const turnAfter = (ms: number): void => {
        timer = clock.setTimer(() => {
          timer = undefined;
          turning = turn();
          // Whoever heals is told.
          turning.catch(() => {});
        }, ms);
      };
      const turn = async (): Promise<void> => {
        if (current === undefined) {
          current = await fault.inject(target);
          turnAfter(brokenMs);
        } else {
          const broken = current;
          current = undefined;
          await broken.heal();
          turnAfter(wellMs);
        }
      };
      turnAfter(brokenMs);
      return injected(async () => {
        timer?.cancel();
        await turning;
        timer?.cancel();
        await current?.heal();
      });
    },
  };
}
