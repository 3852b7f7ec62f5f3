/** The provider that a config asks for. */
import { relative } from 'node:path';
import type { LoadedConfig } from '../../shared/config/load.ts';
import { topologyProblems, toTopology } from './check.ts';
import { fileTopology } from './file.ts';
import { staticTopology } from './static.ts';
import type { TopologyProvider } from './topology.ts';

/** Throws RegatherError naming the key and line at fault. */
export function topologyFromConfig(loaded: LoadedConfig): TopologyProvider {
  const { shards, topology } = loaded.config;
  if (shards === undefined) throw loaded.error('shards.count', 'expected the number of shards, got nothing');
  if (topology === undefined) {
    throw loaded.error('topology', 'expected either "static" or "file", got nothing');
  }
  const shape = { shardCount: shards.count, virtualShards: shards.virtual };
  if (topology.file !== undefined) {
    const name = relative(process.cwd(), topology.file);
    return fileTopology({ ...shape, file: topology.file, name: name === '' ? topology.file : name });
  }
  const document = topology.static!;
  const problems = topologyProblems(document, shape).map(({ path, message }) => ({
    key: `topology.static.${path.join('.')}`,
    message,
  }));
  if (problems.length > 0) throw loaded.errors(problems, 'TOPOLOGY_INVALID');
  return staticTopology(toTopology(document, shape, document.epoch ?? 1));
}
