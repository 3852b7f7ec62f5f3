/** A topology that never changes: epoch 1 unless it says otherwise. */
import type { Topology, TopologyProvider } from './topology.ts';

export function staticTopology(topology: Topology): TopologyProvider {
  let stopped = false;
  return {
    async start(on) {
      if (!stopped) on(topology);
    },
    stop() {
      stopped = true;
    },
  };
}
