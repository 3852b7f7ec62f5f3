/** Dealing a schedule out among generators: each gets every n-th request, so that all of them see the same rate at all times. */

export interface Share {
  /** A request's time. */
  readonly times: Float64Array;
  /** Which of `bodies` it is. */
  readonly picks: Uint32Array;
  /** Those that occur in `picks`, each once. */
  readonly bodies: readonly Buffer[];
}

export function dealOut(
  times: Float64Array,
  picks: Uint32Array,
  bodies: readonly Buffer[],
  among: number,
): Share[] {
  return Array.from({ length: among }, (_, first) => {
    const count = Math.max(0, Math.ceil((times.length - first) / among));
    const share = { times: new Float64Array(count), picks: new Uint32Array(count), bodies: [] as Buffer[] };
    const places = new Map<number, number>();
    for (let i = 0, from = first; i < count; i++, from += among) {
      share.times[i] = times[from]!;
      const pick = picks[from]!;
      let place = places.get(pick);
      if (place === undefined) {
        place = share.bodies.push(bodies[pick]!) - 1;
        places.set(pick, place);
      }
      share.picks[i] = place;
    }
    return share;
  });
}

/** `total` in whole parts that differ by one at most: in flight, connections. */
export function dealCount(total: number, among: number): number[] {
  return Array.from({ length: among }, (_, i) => Math.floor((total + among - 1 - i) / among));
}
