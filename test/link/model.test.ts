import test from 'ava';
import fc from 'fast-check';
import type { IncomingCall } from '../../shared/link/incoming-call.ts';
import type { LeafHandle } from '../../shared/link/leaf-call.ts';
import { canonical, frame, write } from './any-frame.ts';
import { leafCall, pair, Recorder, turn } from './memory.ts';

/** What the handler of one call does, in order. */
interface Script {
  readonly streaming: boolean;
  readonly shards: readonly number[];
  /** Bytes of each part (unary: one per group of shards; streaming: items). */
  readonly sizes: readonly number[];
  /** Which of the groups fail instead. */
  readonly fails: readonly boolean[];
  /** Cancelled by the root at this step; beyond the last: never. */
  readonly cancelAt: number;
}

type Step =
  | { readonly do: 'start' }
  | { readonly do: 'work'; readonly who: number }
  | { readonly do: 'toWorker' | 'toRoot'; readonly count: number }
  | { readonly do: 'cancel'; readonly who: number }
  | { readonly do: 'turn' }
  | { readonly do: 'lose' };

const script: fc.Arbitrary<Script> = fc.record({
  streaming: fc.boolean(),
  shards: fc
    .uniqueArray(fc.nat(60), { minLength: 1, maxLength: 6 })
    .map((list) => list.sort((a, b) => a - b)),
  sizes: fc.array(fc.oneof(fc.nat(300), fc.nat(100_000), fc.constantFrom(0, 32_768, 262_144, 600_000)), {
    minLength: 6,
    maxLength: 6,
  }),
  fails: fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
  cancelAt: fc.nat(40),
});

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Step>({ do: 'start' }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('work' as const), who: fc.nat(30) }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constantFrom('toWorker' as const, 'toRoot' as const), count: fc.nat(4) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cancel' as const), who: fc.nat(30) }) },
  { weight: 6, arbitrary: fc.constant<Step>({ do: 'turn' }) },
);

/** Bytes that tell whose they are and where. */
function bytesOf(call: number, shard: number, length: number): Buffer {
  const data = Buffer.alloc(length);
  for (let i = 0; i < length; i++) data[i] = (call * 31 + shard * 7 + i * 13 + (i >> 8)) & 0xff;
  return data;
}

test('every call ends once, every part is whole, whatever the order of things', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(script, { minLength: 1, maxLength: 12 }),
      fc.array(step, { minLength: 20, maxLength: 150 }),
      fc.boolean(),
      fc.constantFrom(1, 3, Number.POSITIVE_INFINITY),
      async (scripts, steps, lost, limit) => {
        const incoming: {
          call: IncomingCall;
          script: Script;
          at: number;
          statuses: number[];
          over: boolean;
        }[] = [];
        const cancels = new Map<IncomingCall, number>();
        const link = pair((call) => {
          const mine = scripts[Number(call.payload.toString())]!;
          incoming.push({ call, script: mine, at: 0, statuses: [], over: false });
          call.onCancel = () => cancels.set(call, (cancels.get(call) ?? 0) + 1);
        });
        link.toRoot.limit = limit;
        link.toWorker.limit = limit;
        await link.settle();
        const started: {
          recorder: Recorder;
          handle: LeafHandle;
          script: Script;
          index: number;
          cancelled: boolean;
        }[] = [];

        function start(): void {
          const index = started.length;
          const mine = scripts[index];
          if (mine === undefined) return;
          const recorder = new Recorder();
          const part = recorder.part.bind(recorder);
          const handle = link.root.run(
            leafCall(mine.shards, { payload: Buffer.from(String(index)), streaming: mine.streaming }),
            {
              part(shards, data, segments) {
                part(shards, data, segments);
                handle.grant(data.length);
              },
              end: (end) => recorder.end(end),
            },
          );
          if (recorder.ends.length > 0) recorder.faults.push('an end from within run');
          started.push({ recorder, handle, script: mine, index, cancelled: false });
        }

        /** The next thing that a handler does; false: it is done. */
        function work(who: number): boolean {
          const one = incoming[who % Math.max(1, incoming.length)];
          if (one === undefined || one.over) return false;
          const { call, script: mine } = one;
          const index = Number(call.payload.toString());
          const step = one.at++;
          const shard = mine.shards[step];
          if (shard === undefined) {
            one.over = true;
            call.end(
              one.statuses.map((failed) => ({
                shard: failed,
                code: 9,
                message: `no ${failed}`,
                notStarted: false,
                pushbackMs: 0,
                source: 'task',
              })),
              1,
              2,
              3,
            );
            return true;
          }
          if (mine.fails[step]) one.statuses.push(shard);
          const data = bytesOf(index, shard, mine.sizes[step]!);
          if (mine.streaming) {
            if (data.length > 0) call.items(shard, data, [1, data.length - 1]);
          } else if (!mine.fails[step]) call.part([shard], data, []);
          return true;
        }

        function cancel(who: number): void {
          const one = started[who % Math.max(1, started.length)];
          if (one === undefined) return;
          one.cancelled = true;
          one.handle.cancel();
        }

        function deliver(direction: 'toWorker' | 'toRoot'): boolean {
          if (direction === 'toWorker')
            return link.toWorker.deliver(
              (message) => link.worker.receive(message),
              () => link.root.drained(),
            );
          return link.toRoot.deliver(
            (message) => link.root.receive(message),
            () => link.worker.drained(),
          );
        }

        for (const [at, one] of steps.entries()) {
          for (const call of started) if (call.script.cancelAt === at) cancel(call.index);
          if (one.do === 'start') start();
          else if (one.do === 'work') work(one.who);
          else if (one.do === 'cancel') cancel(one.who);
          else if (one.do === 'turn') await turn();
          else if (one.do !== 'lose') for (let i = 0; i < one.count; i++) deliver(one.do);
        }
        if (lost) link.lose();
        while (started.length < scripts.length) start();
        for (let moved = true; moved; ) {
          await link.settle();
          moved = false;
          for (let who = 0; who < incoming.length; who++) while (work(who)) moved = true;
        }

        for (const { recorder, script: mine, index, cancelled } of started) {
          if (recorder.faults.length > 0) throw new Error(recorder.faults.join());
          if (recorder.ends.length !== 1)
            throw new Error(`call ${index} ended ${recorder.ends.length} times`);
          const failed = new Set(recorder.failures.map(({ shard }) => shard));
          if (failed.size !== recorder.failures.length) throw new Error('a shard failed twice');
          const parted = recorder.parts.map(({ shards }) => shards[0]!);
          for (const { shards, data } of recorder.parts) {
            const size = mine.sizes[mine.shards.indexOf(shards[0]!)]!;
            if (!data.equals(bytesOf(index, shards[0]!, size))) throw new Error('a part differs');
          }
          if (mine.streaming) continue;
          for (const shard of mine.shards)
            if (failed.has(shard) === parted.includes(shard))
              throw new Error(
                `shard ${shard} is ${failed.has(shard) ? 'both' : 'neither'} answered and failed`,
              );
          if (lost || cancelled) continue;
          for (const [at, shard] of mine.shards.entries())
            if (failed.has(shard) !== mine.fails[at]) throw new Error(`shard ${shard} has the wrong outcome`);
        }
        for (const times of cancels.values()) if (times > 1) throw new Error('onCancel came twice');
        if (!lost && link.failed.length > 0) throw new Error(link.failed[0]!.message);
        if (link.root.inFlight !== 0 || link.worker.inFlight !== 0)
          throw new Error('something is still open');
      },
    ),
    { numRuns: 150, includeErrorInReport: true },
  );
  t.pass();
});

test('any frames in any order end a link at worst, and every call ends once', async (t) => {
  const small = frame.map((one) => {
    // Mostly ids that are in use.
    const [kind, body] = Object.entries(canonical(one))[0]! as [string, Record<string, unknown>];
    const id = Number(body.id ?? 0) % 12;
    return {
      [kind]: { ...body, id: Math.max(1, id), ...(kind === 'cancel' ? { ids: [Math.max(1, id)] } : {}) },
    };
  });
  await fc.assert(
    fc.asyncProperty(fc.array(small, { maxLength: 12 }), fc.boolean(), async (frames, toRoot) => {
      const calls: IncomingCall[] = [];
      const link = pair((call) => calls.push(call));
      await link.settle();
      const recorders = Array.from({ length: 6 }, () => new Recorder());
      for (const recorder of recorders) link.root.run(leafCall([1, 2]), recorder);
      await link.settle();
      for (const one of frames) {
        const message = write([one]);
        if (toRoot) link.root.receive(message);
        else link.worker.receive(message);
        await turn();
      }
      const over = link.failed.length > 0;
      for (const { code } of link.failed)
        if (code !== 'LINK_PROTOCOL') throw new Error(`failed with ${code}`);
      for (const call of calls) call.end([], 0, 0, 0);
      await link.settle();
      if (!over && link.failed.length === 0 && link.root.inFlight > 0)
        throw new Error('something is still open');
      link.lose();
      await link.settle();
      for (const { ends, faults, parts } of recorders) {
        if (ends.length !== 1 || faults.length > 0) throw new Error(`${ends.length} ends ${faults}`);
        const shards = parts.flatMap((part) => part.shards);
        if (new Set(shards).size !== shards.length) throw new Error('a shard was answered twice');
      }
    }),
    { numRuns: 300, includeErrorInReport: true },
  );
  t.pass();
});
