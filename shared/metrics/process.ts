/** Metrics that roots and workers have in common. */
import type { LoopDelayMonitor } from '../loop-delay.ts';
import { processDefinitions } from './definitions.ts';
import type { MetricRegistry } from './registry.ts';

export interface ProcessMetrics {
  /** `loading`, `ready`, `draining`, `saving` or `stopped`. */
  setState(state: string): void;
}

const states = ['loading', 'ready', 'draining', 'saving', 'stopped'];

export function createProcessMetrics(
  registry: MetricRegistry,
  build: { readonly version: string; readonly kind: 'root' | 'worker' },
  loopDelay: LoopDelayMonitor,
): ProcessMetrics {
  registry.gauge(processDefinitions.buildInfo).child(build.version, process.versions.node, build.kind).set(1);

  const state = registry.gauge(processDefinitions.state);
  const gauges = new Map(states.map((name) => [name, state.child(name)]));
  const setState = (now: string): void => {
    for (const [name, gauge] of gauges) gauge.set(name === now ? 1 : 0);
  };
  setState('loading');

  const family = registry.gauge(processDefinitions.eventLoopDelay);
  const p50 = family.child('p50');
  const p99 = family.child('p99');
  const max = family.child('max');
  family.collect = () => {
    p50.set(loopDelay.p50Ms / 1000);
    p99.set(loopDelay.p99Ms / 1000);
    max.set(loopDelay.takeMaxMs() / 1000);
  };
  return { setState };
}
