/** `check` for those who have a message's shape and nothing prepared. */
import type { MessageShape } from '../schema/plan.ts';
import { Checks, check, type MessageCheck } from './check.ts';
import { MAX_DEPTH } from './reader.ts';

const checks = new WeakMap<MessageShape, MessageCheck>();

/** The same object for the same shape. */
function checkOf(shape: MessageShape): MessageCheck {
  let found = checks.get(shape);
  if (found === undefined) {
    found = new Checks().of(shape);
    checks.set(shape, found);
  }
  return found;
}

/** Throws WireFault unless `bytes[start, end)`, which must lie within `bytes`, is a message of `shape`. */
export function validateMessage(bytes: Uint8Array, start: number, end: number, shape: MessageShape): void {
  check(checkOf(shape), bytes, start, end, -1, MAX_DEPTH);
}
