/** Metrics that roots and workers have in common. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { processDefinitions } from './definitions.ts';
import type { MetricRegistry } from './registry.ts';

export interface ProcessMetrics {
  /** `loading`, `ready`, `draining`, `saving` or `stopped`. */
  setState(state: string): void;
  stop(): void;
}

const states = ['loading', 'ready', 'draining', 'saving', 'stopped'];

export function createProcessMetrics(
  registry: MetricRegistry,
  build: { readonly version: string; readonly kind: 'root' | 'worker' },
): ProcessMetrics {
  registry.gauge(processDefinitions.buildInfo).child(build.version, process.versions.node, build.kind).set(1);

  const state = registry.gauge(processDefinitions.state);
  const gauges = new Map(states.map((name) => [name, state.child(name)]));
  const setState = (now: string): void => {
    for (const [name, gauge] of gauges) gauge.set(name === now ? 1 : 0);
  };
  setState('loading');

  // 10 ms: fine enough for a delay that matters to a deadline, and 100 wake-ups a second cost nothing measurable.
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  const family = registry.gauge(processDefinitions.eventLoopDelay);
  const p50 = family.child('p50');
  const p99 = family.child('p99');
  const max = family.child('max');
  family.collect = () => {
    // The histogram holds the timer's whole intervals in ns; before its first sample the numbers mean nothing.
    const lateness = (ns: number): number => (delay.count === 0 ? 0 : Math.max(0, ns / 1e9 - 0.01));
    p50.set(lateness(delay.percentile(50)));
    p99.set(lateness(delay.percentile(99)));
    max.set(lateness(delay.max));
    delay.reset();
  };
  return { setState, stop: () => delay.disable() };
}
