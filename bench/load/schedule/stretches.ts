/** How the offered rate goes over time, as stretches in which it is constant or changes linearly. */

export interface Stretch {
  /** Becomes the phase's name. */
  readonly name: string;
  readonly durationMs: number;
  /** Requests per second at its beginning and at its end. */
  readonly fromPerSecond: number;
  readonly toPerSecond: number;
}

export interface Spike {
  readonly perSecond: number;
  readonly atMs: number;
  readonly durationMs: number;
}

export function constantRate(perSecond: number, durationMs: number): Stretch {
  return { name: `${perSecond}/s`, durationMs, fromPerSecond: perSecond, toPerSecond: perSecond };
}

/** A constant rate, interrupted by other ones. Spikes are apart from each other and within the duration: else a RangeError. */
export function withSpikes(perSecond: number, durationMs: number, spikes: readonly Spike[]): Stretch[] {
  const stretches: Stretch[] = [];
  let at = 0;
  for (const spike of [...spikes].sort((a, b) => a.atMs - b.atMs)) {
    const end = spike.atMs + spike.durationMs;
    if (spike.atMs < at || end > durationMs) {
      throw new RangeError(
        `expected spikes apart from each other and within ${durationMs} ms, got one from ${spike.atMs} to ${end} ms`,
      );
    }
    if (spike.atMs > at) stretches.push(constantRate(perSecond, spike.atMs - at));
    stretches.push({
      ...constantRate(spike.perSecond, spike.durationMs),
      name: `spike of ${spike.perSecond}/s`,
    });
    at = end;
  }
  if (at < durationMs) stretches.push(constantRate(perSecond, durationMs - at));
  return stretches;
}

export function steps(perSecond: readonly number[], stepMs: number): Stretch[] {
  return perSecond.map((rate) => constantRate(rate, stepMs));
}

export function ramp(fromPerSecond: number, toPerSecond: number, durationMs: number): Stretch {
  return { name: `ramp ${fromPerSecond} → ${toPerSecond}/s`, durationMs, fromPerSecond, toPerSecond };
}

export function meanRate(stretch: Stretch): number {
  return (stretch.fromPerSecond + stretch.toPerSecond) / 2;
}
