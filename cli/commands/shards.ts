/** `regather shards`: which replicas each shard has, as the root sees them. */
import { rootStatus } from '../admin-client.ts';
import { type ConfigOptions, flagFor, type JsonOption, openConfig } from '../options.ts';
import { printJson, printLine, table } from '../output.ts';
import type { Exit } from '../program.ts';

export interface ShardsOptions extends ConfigOptions, JsonOption {
  readonly admin?: string;
}

/** What the root's /statusz says of shards. */
export interface ShardStatus {
  readonly shard: number;
  readonly replicas: readonly ({
    readonly worker: string;
    readonly address: string;
    readonly state: string;
  } & BreakerStatus)[];
}

/** Of a worker, or of one replica. */
interface BreakerStatus {
  readonly breaker: string;
  readonly breakerWhy?: string;
  readonly ejected?: boolean;
  readonly override?: string;
}

interface WorkerStatus extends BreakerStatus {
  readonly id: string;
  readonly state: string;
  /** Why it is in that state; '' if that needs no words. */
  readonly reason: string;
}

export async function shards(positional: string | undefined, options: ShardsOptions): Promise<Exit> {
  const admin = rootAdmin(positional, options);
  const status = await rootStatus(admin);
  const {
    epoch,
    shards: found = [],
    workers = [],
  } = status as {
    epoch?: number;
    shards?: ShardStatus[];
    workers?: WorkerStatus[];
  };
  if (options.json === true) {
    printJson({ admin, epoch, shards: found, workers });
    return 0;
  }
  const ofWorker = new Map(workers.map((worker) => [worker.id, worker]));
  const rows = found.map(({ shard, replicas }) => [
    String(shard),
    replicas
      .map(
        (replica) =>
          `${replica.worker} ${replica.state}${breakerText('', replica)}${breakerText("worker's ", ofWorker.get(replica.worker))}`,
      )
      .join(', ') || 'none',
  ]);
  printLine(table(['shard', 'replicas'], rows));
  for (const { id, state, reason } of workers) if (reason !== '') printLine(`${id} is ${state}: ${reason}`);
  return 0;
}

/** " (breaker open: 12 of 20 failed)", or '' for one that is closed by itself. */
function breakerText(whose: string, status: BreakerStatus | undefined): string {
  if (status === undefined) return '';
  const { breaker, breakerWhy, ejected, override } = status;
  if (override !== undefined) return ` (${whose}breaker held ${override})`;
  if (breaker === 'closed') return '';
  const why = breakerWhy === undefined ? '' : `: ${breakerWhy}`;
  return ` (${whose}breaker ${breaker}${ejected === true ? ', ejected as slow' : ''}${why})`;
}

/** Without --admin it is the config's; no config is needed with it. */
export function rootAdmin(
  positional: string | undefined,
  options: ConfigOptions & { admin?: string },
): string {
  if (options.admin !== undefined && positional === undefined && options.config === undefined)
    return options.admin;
  return openConfig(options, positional, [flagFor('root.admin', options.admin, '--admin')]).config.root.admin;
}
