import { type Effect, type Fault, injected, proxyOf } from './fault.ts';
import type { ProxyMode } from './proxy.ts';

/** A fault that lasts, of the network in front of a worker. Made for the others in this folder. */
export function proxied(label: string, effect: Effect, mode: ProxyMode): Fault {
  return {
    label,
    effect,
    async inject(target) {
      const proxy = proxyOf(target, label);
      proxy.set(mode);
      return injected(() => proxy.set('forward'));
    },
  };
}
