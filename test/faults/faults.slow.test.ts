/**
 * Faults, one by one, on real worker processes and real sockets, under load: what is promised whatever shards do (G1, G2, G3, G5, G7, G9)
 * holds, and the root finds back by itself. What is asserted is the same for all: acceptance.ts.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import test from 'ava';
import { blackHole } from '../kit/faults/black-hole.ts';
import { blockedLoop } from '../kit/faults/blocked-loop.ts';
import { errorStorm } from '../kit/faults/error-storm.ts';
import { type Fault, injected } from '../kit/faults/fault.ts';
import { flapping } from '../kit/faults/flapping.ts';
import { garbage } from '../kit/faults/garbage.ts';
import { hang } from '../kit/faults/hang.ts';
import { reset } from '../kit/faults/reset.ts';
import type { SearchTarget } from '../kit/faults/search-target.ts';
import { sigkill } from '../kit/faults/sigkill.ts';
import { sigstop } from '../kit/faults/sigstop.ts';
import { silent } from '../kit/faults/silent.ts';
import { slow } from '../kit/faults/slow.ts';
import { stopsReading } from '../kit/faults/stops-reading.ts';
import { stragglers } from '../kit/faults/stragglers.ts';
import { searchProto } from '../kit/search-worker.ts';
import { holdsUnder, startTargets, type UnderFault } from './acceptance.ts';

let targets: SearchTarget[] = [];

test.before(async () => {
  targets = await startTargets();
});
test.after.always(() => Promise.all(targets.map((target) => target.close())));

interface Given extends UnderFault {
  /** Hedges are sent. */
  readonly hedged?: true;
  /** Breakers open. */
  readonly opens?: true;
  /** Answers end at their deadlines. */
  readonly timesOut?: true;
  /** The budget refuses some. */
  readonly short?: true;
}

const faults: readonly Given[] = [
  { fault: sigkill(), reconnects: true },
  { fault: sigstop(), reconnects: true, hedged: true },
  { fault: hang(), hedged: true },
  { fault: blockedLoop({ forMs: 300 }) },
  { fault: slow(5) },
  { fault: slow(20), hedged: true },
  { fault: stragglers({ share: 0.01, extraMs: [100, 500], seed: 7 }), hits: 'all', hedged: true },
  { fault: errorStorm({ code: status.UNAVAILABLE }) },
  { fault: errorStorm({ code: status.RESOURCE_EXHAUSTED }) },
  { fault: flapping(reset()), reconnects: true, lastsMs: 2500 },
  { fault: silent(), reconnects: true },
  { fault: reset(), reconnects: true },
  { fault: blackHole(), reconnects: true },
  { fault: garbage(), reconnects: true, momentary: true },
  { fault: flapping(garbage(), { brokenMs: 100, wellMs: 100 }), reconnects: true },
  { fault: stopsReading(), reconnects: true },
  { fault: sigkill(), hits: 'shard', reconnects: true },
  { fault: errorStorm({ code: status.UNAVAILABLE }), hits: 'shard', opens: true },
  { fault: errorStorm({ code: status.RESOURCE_EXHAUSTED }), hits: 'shard' },
  { fault: hang(), hits: 'shard' },
  { fault: sigstop(), hits: 'shard', reconnects: true },
  { fault: reset(), hits: 'shard', reconnects: true },
  // More is to be hedged than may be: the budget is what ends it.
  { fault: hang(), hits: 'shard', burst: 4, short: true },
  // Nothing but the root's own timer ends these: workers hear nothing, and links are silent for longer.
  { fault: blackHole(), hits: 'shard', reconnects: true, timeoutMs: 200, timesOut: true },
  { fault: slow(4), hits: 'all' },
  // Choice by load keeps tasks from what fails before a breaker has seen enough.
  { fault: errorStorm({ code: status.UNAVAILABLE }), balance: 'turns', opens: true },
  { fault: hang(), by: 'plain', hedged: true },
  { fault: slow(20), by: 'plain', hedged: true },
  { fault: errorStorm({ code: status.UNAVAILABLE }), by: 'plain' },
  { fault: errorStorm({ code: status.RESOURCE_EXHAUSTED }), by: 'plain' },
  { fault: sigkill(), by: 'plain', reconnects: true },
  { fault: blackHole(), by: 'plain', reconnects: true },
];

for (const given of faults) {
  const where = { one: 'one replica', shard: 'a whole shard', all: 'all workers' }[given.hits ?? 'one'];
  const how = [
    given.by === 'plain' ? ', plain gRPC' : '',
    given.balance === 'turns' ? ', in turns' : '',
    given.burst === undefined ? '' : `, ${given.burst} extra attempts at once`,
  ].join('');
  test.serial(`${given.fault.label}, ${where}${how}`, async (t) => {
    t.timeout(60_000);
    const { seen, hedges, opened, losses, unpaid } = await holdsUnder(t, targets, given);
    // Of links; a plain worker has none to lose.
    t.is(losses > 0, given.reconnects === true && given.by !== 'plain', `lost ${losses} times`);
    if (given.hedged) t.true(hedges > 0, 'tasks were asked elsewhere');
    if (given.short) t.true(unpaid > 0, 'there was no budget for some');
    if (given.opens) t.true(opened > 0, 'breakers were open');
    if (given.timesOut) t.true(seen.some(({ answer }) => answer.code === status.DEADLINE_EXCEEDED));
  });
}

test.serial('workers that exit in the middle of streams', async (t) => {
  t.timeout(60_000);
  const { seen } = await holdsUnder(t, targets, {
    fault: sigkill(),
    hits: 'shard',
    reconnects: true,
    streams: true,
  });
  const causes = seen.flatMap(({ items, answer }) =>
    items === undefined ? [] : answer.coverage!.missing.map(({ cause }) => cause),
  );
  t.true(causes.includes('INCOMPLETE'), causes.join());
});

test.serial('a worker that comes back with an older version of the service', async (t) => {
  t.timeout(60_000);
  const folder = await mkdtemp(join(tmpdir(), 'regather-older-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const older = join(folder, 'search.proto');
  const newer = readFileSync(searchProto, 'utf8');
  const without = newer.replace(/^ +optional int64 best = .*\n/m, '');
  t.not(without, newer);
  writeFileSync(older, without);
  const fault: Fault = {
    label: 'an older service',
    // Its shards are answered all the same, but for the moment in which it starts.
    effect: 'failing',
    async inject(target) {
      await target.kill();
      await (target as SearchTarget).restart(older);
      return injected(async () => {
        await target.kill();
        await target.restart();
      });
    },
  };
  // It is a newcomer: long enough for it to be known.
  const { answering } = await holdsUnder(t, targets, { fault, reconnects: true, lastsMs: 3000 });
  t.true(
    answering.includes('w0'),
    `${answering} answered; the older one's link isn't refused, and it serves`,
  );
});
