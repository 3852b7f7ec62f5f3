import { type Effect, type Fault, injected } from './fault.ts';
import type { Order } from './worker-faults.ts';

/** A fault that the worker does to itself. Made for the others in this folder. */
export function ordered(label: string, effect: Effect, order: Exclude<Order, { kind: 'heal' }>): Fault {
  return {
    label,
    effect,
    async inject(target) {
      await target.order(order);
      return injected(() => target.order({ kind: 'heal', what: order.kind }));
    },
  };
}
