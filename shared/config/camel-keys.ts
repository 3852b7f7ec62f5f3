/** A config section as the library's options are named: `min_delay_ms` → `minDelayMs`. Values aren't touched. */

type Camel<S> = S extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : S;

export type CamelKeys<T> = T extends object ? { readonly [K in keyof T as Camel<K>]: CamelKeys<T[K]> } : T;

/** The other way round. */
export function snakeKeys(options: object): object {
  return Object.fromEntries(
    Object.entries(options).map(([key, value]: [string, unknown]) => [
      key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      typeof value === 'object' && value !== null && !Array.isArray(value) ? snakeKeys(value) : value,
    ]),
  );
}

/** Of plain objects in plain objects. */
export function camelKeys<T extends object>(section: T): CamelKeys<T> {
  return Object.fromEntries(
    Object.entries(section).map(([key, value]: [string, unknown]) => [
      key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
      typeof value === 'object' && value !== null && !Array.isArray(value) ? camelKeys(value) : value,
    ]),
  ) as CamelKeys<T>;
}
