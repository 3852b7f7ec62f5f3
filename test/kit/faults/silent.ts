import { type Fault, injected, proxyOf } from './fault.ts';

/** Connections are reset, and new ones accepted and never answered: what a health check by TCP calls well. */
export function silent(): Fault {
  const label = 'accepted, silent';
  return {
    label,
    effect: 'lost',
    async inject(target) {
      const proxy = proxyOf(target, label);
      proxy.set('reset');
      proxy.set('silent');
      return injected(() => proxy.set('forward'));
    },
  };
}
