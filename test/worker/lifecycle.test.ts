import test from 'ava';
import type { Clock, Timer } from '../../shared/clock.ts';
import { type HookFailure, Lifecycle } from '../../shared/lifecycle/lifecycle.ts';
import { installSignals, type SignalSource, type StopSignal } from '../../shared/lifecycle/signals.ts';

class FakeClock implements Clock {
  #now = 0;
  readonly #timers = new Set<{ at: number; callback: () => void }>();
  now(): number {
    return this.#now;
  }
  setTimer(callback: () => void, delayMs: number): Timer {
    const entry = { at: this.#now + delayMs, callback };
    this.#timers.add(entry);
    return { cancel: () => void this.#timers.delete(entry) };
  }
  get pending(): number {
    return this.#timers.size;
  }
  advance(ms: number): void {
    this.#now += ms;
    for (const entry of [...this.#timers]) {
      if (entry.at <= this.#now && this.#timers.delete(entry)) entry.callback();
    }
  }
}

function watched(options: { clock?: Clock } = {}) {
  const failures: HookFailure[] = [];
  const states: string[] = [];
  const lifecycle = new Lifecycle({ ...options, onFailure: (failure) => failures.push(failure) });
  lifecycle.onChange((state) => states.push(state));
  return { lifecycle, failures, states };
}

test('goes through its states in order and runs the hooks of each', async (t) => {
  const { lifecycle, states } = watched();
  const ran: string[] = [];
  for (const phase of ['stop', 'save', 'drain'] as const) {
    lifecycle.on(phase, phase, () => {
      ran.push(`${phase} in ${lifecycle.state}`);
    });
  }
  t.is(lifecycle.state, 'loading');
  t.true(lifecycle.ready());
  t.false(lifecycle.ready());
  await lifecycle.stop();
  t.deepEqual(states, ['ready', 'draining', 'draining', 'draining', 'saving', 'stopped']);
  t.deepEqual(ran, ['drain in draining', 'save in saving', 'stop in saving']);
});

test('drain and stop are idempotent, and stop after drain does not drain again', async (t) => {
  const { lifecycle } = watched();
  let drains = 0;
  let saves = 0;
  lifecycle.onDrain('count', () => {
    drains += 1;
  });
  lifecycle.onSave('count', () => {
    saves += 1;
  });
  lifecycle.ready();
  t.is(lifecycle.drain(), lifecycle.drain());
  t.is(drains, 1, 'a drain takes effect before drain() returns');
  await lifecycle.drain();
  t.like(lifecycle.life, { state: 'draining', drained: true, stopping: false });
  t.is(lifecycle.stop(), lifecycle.stop());
  await lifecycle.stop();
  await lifecycle.drain();
  t.is(drains, 1);
  t.is(saves, 1);
  t.is(lifecycle.state, 'stopped');
  t.false(lifecycle.ready());
});

test('undrain leads back to ready and lets it drain again, but not once it is told to stop', async (t) => {
  const { lifecycle } = watched();
  const ran: string[] = [];
  lifecycle.onDrain('drain', () => {
    ran.push('drain');
  });
  lifecycle.onUndrain('undrain', () => {
    ran.push('undrain');
  });
  lifecycle.ready();
  await lifecycle.drain();
  t.true(await lifecycle.undrain());
  t.is(lifecycle.state, 'ready');
  t.false(await lifecycle.undrain());
  const stopped = lifecycle.stop();
  t.false(await lifecycle.undrain());
  await stopped;
  t.deepEqual(ran, ['drain', 'undrain', 'drain']);
});

test('an undrain in the middle of a drain ends the wait and aborts the hook', async (t) => {
  const { lifecycle } = watched();
  let aborted = false;
  lifecycle.onDrain(
    'waits',
    (signal) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          aborted = true;
          resolve();
        });
      }),
  );
  lifecycle.ready();
  const drained = lifecycle.drain();
  t.true(await lifecycle.undrain());
  await drained;
  t.true(aborted);
  t.is(lifecycle.state, 'ready');
});

test('a hook that throws, rejects or never ends is reported by name and blocks nothing', async (t) => {
  const clock = new FakeClock();
  const { lifecycle, failures } = watched({ clock });
  let signal: AbortSignal | undefined;
  lifecycle.onDrain('throws', () => {
    throw new Error('thrown');
  });
  lifecycle.onDrain('hangs', (given) => {
    signal = given;
    return new Promise(() => {});
  });
  lifecycle.onSave('rejects', () => Promise.reject(new Error('rejected')));
  lifecycle.ready();
  const stopped = lifecycle.stop();
  await new Promise(setImmediate);
  t.is(lifecycle.state, 'draining');
  clock.advance(24_999);
  t.false(signal?.aborted);
  clock.advance(1);
  t.true(signal?.aborted);
  await stopped;
  t.is(lifecycle.state, 'stopped');
  t.deepEqual(
    failures.map((failure) => `${failure.phase} ${failure.name}`),
    ['drain throws', 'drain hangs', 'save rejects'],
  );
  t.regex(String(failures[1]?.error), /within 25000 ms/);
  t.is(clock.pending, 0);
});

test('stopNow ends the wait, aborts what runs and begins nothing more', async (t) => {
  const { lifecycle, states } = watched();
  const reasons: unknown[] = [];
  lifecycle.onDrain('hangs', (signal) => {
    signal.addEventListener('abort', () => reasons.push(signal.reason));
    return new Promise(() => {});
  });
  lifecycle.onSave('never', () => t.fail());
  lifecycle.ready();
  const stopped = lifecycle.stop();
  lifecycle.stopNow('SIGINT');
  lifecycle.stopNow('again');
  await stopped;
  t.is(String(reasons[0]), 'Error: SIGINT');
  t.deepEqual(states, ['ready', 'draining', 'draining', 'stopped']);
});

test('a process told to stop while it loads never becomes ready', async (t) => {
  const { lifecycle, states } = watched();
  const stopped = lifecycle.stop();
  t.false(lifecycle.ready());
  await stopped;
  t.deepEqual(states.at(-1), 'stopped');
});

test('a hook taken back does not run', async (t) => {
  const { lifecycle } = watched();
  lifecycle.onDrain('gone', () => t.fail())();
  await lifecycle.stop();
  t.pass();
});

test('limits out of bounds are refused with their name and value', (t) => {
  t.throws(() => new Lifecycle({ drainLimitMs: -1 }), {
    message: /drainLimitMs to be 0\.\.86400000 ms, got -1/,
  });
  t.throws(() => new Lifecycle({ saveLimitMs: Number.NaN }), { message: /saveLimitMs .*NaN/ });
});

class Signals implements SignalSource {
  readonly listeners = new Map<StopSignal, Set<() => void>>();
  on(signal: StopSignal, listener: () => void): void {
    const set = this.listeners.get(signal) ?? new Set();
    this.listeners.set(signal, set.add(listener));
  }
  off(signal: StopSignal, listener: () => void): void {
    this.listeners.get(signal)?.delete(listener);
  }
  send(signal: StopSignal): void {
    for (const listener of this.listeners.get(signal) ?? []) listener();
  }
}

test('the first signal stops in order and exits 0, or 1 if a hook failed', async (t) => {
  for (const fails of [false, true]) {
    const { lifecycle } = watched();
    const source = new Signals();
    lifecycle.onSave('save', () => {
      if (fails) throw new Error('disk full');
    });
    lifecycle.ready();
    const code = await new Promise<number>((exit) => {
      installSignals(lifecycle, { source, exit });
      source.send('SIGTERM');
    });
    t.is(code, fails ? 1 : 0);
    t.is(lifecycle.state, 'stopped');
  }
});

test('a second signal, of either kind, stops at once with 128 + its number', async (t) => {
  const { lifecycle } = watched();
  const source = new Signals();
  const exits: number[] = [];
  lifecycle.onDrain('hangs', () => new Promise(() => {}));
  lifecycle.ready();
  const remove = installSignals(lifecycle, { source, exit: (code) => exits.push(code) });
  source.send('SIGTERM');
  t.is(lifecycle.state, 'draining');
  source.send('SIGINT');
  t.is(lifecycle.state, 'stopped');
  await lifecycle.stop();
  await new Promise(setImmediate);
  t.deepEqual(exits, [130]);
  remove();
  t.deepEqual(
    [...source.listeners.values()].map((set) => set.size),
    [0, 0],
  );
});

test('two lifecycles in one process stop together: it exits after the slower one', async (t) => {
  const first = watched().lifecycle;
  const second = watched().lifecycle;
  const source = new Signals();
  let finish: (() => void) | undefined;
  second.onDrain(
    'slow',
    () =>
      new Promise((resolve) => {
        finish = resolve;
      }),
  );
  const exits: number[] = [];
  const exited = new Promise<void>((resolve) => {
    installSignals(first, { source, exit: (code) => resolve(void exits.push(code)) });
  });
  const remove = installSignals(second, { source });
  source.send('SIGTERM');
  await first.stop();
  await new Promise(setImmediate);
  t.deepEqual(exits, []);
  finish?.();
  await exited;
  t.deepEqual(exits, [0]);
  t.is(second.state, 'stopped');
  remove();
  t.is(source.listeners.get('SIGTERM')?.size, 1);
});
