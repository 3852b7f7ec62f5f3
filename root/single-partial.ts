/** The partial of a shard whose answer is passed on as it is: checked, not merged. */
import type { MessageShape } from '../shared/schema/plan.ts';
import { WireFault } from '../shared/wire/fault.ts';
import { validateMessage } from '../shared/wire/validate.ts';

/** Throws RegatherError PARTIAL_MALFORMED. */
export function checkPartial(
  bytes: Uint8Array,
  start: number,
  end: number,
  shape: MessageShape,
  shards: readonly number[],
): void {
  try {
    validateMessage(bytes, start, end, shape);
  } catch (thrown) {
    if (!(thrown instanceof WireFault)) throw thrown;
    throw thrown.toError('PARTIAL_MALFORMED', `the partial of shard ${shards[0]}`, shards);
  }
}
