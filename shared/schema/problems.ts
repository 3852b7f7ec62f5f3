import type { ErrorCode } from '../errors/codes.ts';
import { RegatherError } from '../errors/errors.ts';
import type { Place } from './plan.ts';

export const placeText = (place: Place): string =>
  place.line === undefined ? place.file : `${place.file}:${place.line}`;

interface Problem {
  readonly code: ErrorCode;
  readonly message: string;
  readonly place: Place;
  readonly field: string;
}

/** Collects what is wrong with a schema, so that one run tells all of it. */
export class Problems {
  readonly #all: Problem[] = [];
  readonly #seen = new Set<string>();

  get count(): number {
    return this.#all.length;
  }

  /** `field` is the full name of what is at fault. The same message at the same place counts once. */
  add(code: ErrorCode, place: Place, field: string, message: string): void {
    const line = `${placeText(place)}: ${message}`;
    if (this.#seen.has(line)) return;
    this.#seen.add(line);
    this.#all.push({ code, message, place, field });
  }

  /**
   * Throws one error with a line for each problem, by line within each file; its code and place are the first one's. Files come in
   * the order in which they had their first.
   */
  throwIfAny(): void {
    const files = [...new Set(this.#all.map(({ place }) => place.file))];
    const rank = ({ place }: Problem): number => files.indexOf(place.file);
    const sorted = this.#all.toSorted(
      (a, b) => rank(a) - rank(b) || (a.place.line ?? 0) - (b.place.line ?? 0),
    );
    const [first, ...rest] = sorted;
    if (first === undefined) return;
    const lines = [
      first.message,
      ...rest.map((problem) => `${placeText(problem.place)}: ${problem.message}`),
    ];
    throw new RegatherError(first.code, lines.join('\n'), {
      file: first.place.file,
      ...(first.place.line === undefined ? {} : { line: first.place.line }),
      field: first.field,
    });
  }
}
