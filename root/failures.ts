/** Failures of tasks that come from this root, and what a failure is called in coverage. */
import { status } from '@grpc/grpc-js';
import type { RegatherError } from '../shared/errors/errors.ts';
import type { TaskFailure } from '../shared/link/leaf-call.ts';
import type { Cause } from './coverage.ts';

export function causeOf(failure: TaskFailure): Cause {
  if (failure.source === 'protocol') return 'malformed';
  if (failure.source === 'transport') return 'unavailable';
  switch (failure.code) {
    case status.UNAVAILABLE:
      return 'unavailable';
    case status.RESOURCE_EXHAUSTED:
      return 'shed';
    case status.DEADLINE_EXCEEDED:
      return 'timeout';
    case status.CANCELLED:
      return 'cancelled';
    default:
      return failure.notStarted ? 'unavailable' : 'failed';
  }
}

export function unavailable(shard: number, message: string): TaskFailure {
  return {
    shard,
    code: status.UNAVAILABLE,
    message,
    notStarted: true,
    pushbackMs: 0,
    source: 'transport',
  };
}

export function malformed(shard: number, error: RegatherError): TaskFailure {
  return {
    shard,
    code: error.grpc,
    message: error.message,
    notStarted: false,
    pushbackMs: 0,
    source: 'protocol',
  };
}
