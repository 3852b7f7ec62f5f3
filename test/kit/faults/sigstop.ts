import { readFileSync } from 'node:fs';
import { type Fault, injected } from './fault.ts';

/** The process stands still with its connections open: the kernel still accepts and acknowledges for it. Heals with SIGCONT. */
export function sigstop(): Fault {
  return {
    label: 'SIGSTOP',
    effect: 'gone',
    async inject(target) {
      const { pid } = target;
      process.kill(pid, 'SIGSTOP');
      // The signal is delivered some time after kill(2) returned.
      while (!isStopped(pid)) await new Promise((resolve) => setImmediate(resolve));
      return injected(() => {
        process.kill(pid, 'SIGCONT');
      });
    },
  };
}

/** Linux's word for it; the third field follows the name, which may contain anything but ends at the last ")". */
export function isStopped(pid: number): boolean {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T');
}
