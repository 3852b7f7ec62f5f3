/** CLOCK_MONOTONIC in ms: the same axis in every thread and process of this machine, where performance.now() has an origin of its own in each. */
export function hrtimeMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}
