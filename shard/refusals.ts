/** Why a worker turns a task away before its handler sees it, as statuses. */
import { codes, type ErrorCode } from '../shared/errors/codes.ts';
import type { Execution, TurnedAway } from './execution.ts';
import type { Status } from './status.ts';

function refusal(code: ErrorCode, message: string): Status {
  return { code: codes[code].grpc, message, unexpected: false };
}

export const draining: Status = refusal('WORKER_DRAINING', 'The worker is draining');
export const cancelled: Status = refusal('CANCELLED', 'Cancelled');
export const expired: Status = refusal('DEADLINE_PASSED', 'The deadline passed before the task got its turn');
export const overdue: Status = refusal('DEADLINE_PASSED', 'The deadline passed while the task ran or waited');

export function notServed(shard: number): Status {
  return refusal('SHARD_NOT_SERVED', `The worker doesn't serve shard ${shard}`);
}

function busy({ concurrency, queue }: Execution): Status {
  return refusal('WORKER_BUSY', `The worker's ${concurrency} slots and its queue of ${queue} are full`);
}

export const tooLate: Status = refusal(
  'WORKER_OVERLOADED',
  "The worker can't do the task in the time it has left: what waits before it takes too long",
);

export const shardHangs: Status = refusal(
  'SHARD_HANGS',
  'Tasks of this method and shard hang on the worker, and enough of them wait already',
);

export function turnedAway(why: TurnedAway, execution: Execution): Status {
  if (why === 'shard_hangs') return shardHangs;
  return why === 'queue_full' ? busy(execution) : tooLate;
}

export function shardUnnamed(key: string, served: number): Status {
  return refusal(
    'SHARD_NOT_SERVED',
    `Expected metadata "${key}" to name one of the ${served} shards served here, got none`,
  );
}

export function shardMisnamed(key: string, given: readonly (string | Buffer)[]): Status {
  const text = JSON.stringify(given.map(String).join(', '));
  return refusal('REQUEST_MALFORMED', `Expected metadata "${key}" to be one shard's number, got ${text}`);
}

export function methodUnknown(name: string): Status {
  return refusal('METHOD_NOT_SERVED', `The service has no method ${name} that workers are called with`);
}
