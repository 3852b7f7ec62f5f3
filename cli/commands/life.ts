/** What `root` and `worker` have in common: a process that says how it lives and ends with its life. */
import type { Lifecycle, LifecycleState } from '../../shared/lifecycle/lifecycle.ts';
import { printJson, printLine } from '../output.ts';

export interface LifeEvents {
  /** With --json one line of JSON per event, else a sentence. */
  event(name: string, fields?: Readonly<Record<string, unknown>>): void;
}

export function lifeEvents(kind: 'root' | 'worker', json: boolean): LifeEvents {
  return {
    event(name, fields = {}) {
      if (json) {
        printJson({ event: name, kind, ...fields, pid: process.pid });
        return;
      }
      const { address, admin } = fields;
      const also = admin === undefined ? '' : `, admin http://${admin}`;
      printLine(`${kind} ${name}${address === undefined ? '' : ` on ${address}${also}`}`);
    },
  };
}

/**
 * A child of `regather up` stops when its parent is gone, however that went: the channel between them closes. Call it first of all, and what it
 * returns with the life once there is one; before, there is nothing to stop in order.
 */
export function stopWithParent(): (lifecycle: Lifecycle) => void {
  let life: Lifecycle | undefined;
  const gone = (): void => {
    if (life === undefined) endOrphan();
    else void life.stop('the parent is gone').finally(endOrphan);
  };
  if (process.send !== undefined) {
    process.on('disconnect', gone);
    // To listen mustn't mean to stay: a child that can't start ends.
    process.channel?.unref();
    if (!process.connected) gone();
  }
  return (lifecycle) => {
    life = lifecycle;
  };
}

/**
 * Not by process.exit(): Node may wait for its own compiler threads then, which wait for a main thread that collects no garbage any more
 * (nodejs/node#54918), and nobody is left who would kill it, or read its exit code.
 */
function endOrphan(): void {
  process.kill(process.pid, 'SIGKILL');
}

/** Calls back for every state that is entered, once: a life also tells of what changes within a state. */
export function onState(lifecycle: Lifecycle, entered: (state: LifecycleState) => void): void {
  let last: LifecycleState | undefined;
  lifecycle.onChange((state) => {
    if (state === last) return;
    last = state;
    entered(state);
  });
}

/** Resolves when the life is over. */
export function untilStopped(lifecycle: Lifecycle): Promise<void> {
  return new Promise((resolve) => {
    if (lifecycle.state === 'stopped') resolve();
    lifecycle.onChange((state) => {
      if (state === 'stopped') resolve();
    });
  });
}
