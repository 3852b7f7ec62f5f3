import { type Fault, injected } from './fault.ts';

/** The process is gone in the middle of whatever it was doing; the kernel resets its connections. Heals with a new process on the same port. */
export function sigkill(): Fault {
  return {
    label: 'SIGKILL',
    effect: 'lost',
    async inject(target) {
      await target.kill();
      return injected(() => target.restart());
    },
  };
}
