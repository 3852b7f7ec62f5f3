import type { Laws, Reducer } from './reducer.ts';

/** A regather.v1.Coverage of a partial: dropped, because the root fills in its own. */
export class Coverage implements Reducer {
  readonly laws: Laws = { free: true, neutral: 'absent' };

  reduce(): void {}
}
