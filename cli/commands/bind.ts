/** Starting a root or worker from a config: what can't be bound is told with the place of its key. */
import { logVerbosity, setLogger, setLogVerbosity } from '@grpc/grpc-js';
import type { LoadedConfig } from '../../shared/config/load.ts';
import { RegatherError } from '../../shared/errors/errors.ts';
import type { Logger } from '../../shared/log/logger.ts';

export async function startPlaced<T>(loaded: LoadedConfig, start: () => Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (error) {
    if (!(error instanceof RegatherError) || error.code !== 'PORT_TAKEN' || error.field === undefined)
      throw error;
    throw loaded.error(error.field, error.message.slice(error.field.length + 2), 'PORT_TAKEN');
  }
}

/**
 * grpc-js writes to stderr on its own, between our lines of JSON; what it says is in our errors already. It goes to the log at level
 * debug, or where GRPC_VERBOSITY or GRPC_TRACE ask for it, to stderr as before.
 */
export function quietGrpc(log: Logger): void {
  if (process.env.GRPC_VERBOSITY !== undefined || process.env.GRPC_TRACE !== undefined) return;
  const say = (...parts: unknown[]): void => log.debug('grpc-js', { said: parts.map(String).join(' ') });
  setLogger({ error: say, info: say, debug: say });
  setLogVerbosity(logVerbosity.ERROR);
}
