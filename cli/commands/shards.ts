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
  readonly replicas: readonly {
    readonly worker: string;
    readonly address: string;
    readonly state: string;
    readonly breaker: string;
  }[];
}

export async function shards(positional: string | undefined, options: ShardsOptions): Promise<Exit> {
  const admin = rootAdmin(positional, options);
  const status = await rootStatus(admin);
  const { epoch, shards: found = [] } = status as { epoch?: number; shards?: ShardStatus[] };
  if (options.json === true) {
    printJson({ admin, epoch, shards: found });
    return 0;
  }
  const rows = found.map(({ shard, replicas }) => [
    String(shard),
    replicas
      .map(
        ({ worker, state, breaker }) =>
          `${worker} ${state}${breaker === 'closed' ? '' : ` (breaker ${breaker})`}`,
      )
      .join(', ') || 'none',
  ]);
  printLine(table(['shard', 'replicas'], rows));
  return 0;
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
