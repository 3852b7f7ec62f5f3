/**
 * What finished answers leave in the young generation: little, so its collections are short. A `Map` of open calls, or a listener at a call that is over, took
 * the whole of most answers through every scavenge (docs/decisions/0018-what-is-over-is-let-go.md).
 */
import test from 'ava';
import { links } from '../../bench/arms.ts';
import { place } from '../../bench/echo/placement.ts';
import { startArms, stopArms } from '../../bench/process/arms.ts';
import type { Collections } from '../../bench/process/collections.ts';

/** Measured: 0.14, and about 0.5 with either defect. */
const MOST = 0.25;

test.serial('of what a root has allocated between two scavenges little outlives them', async (t) => {
  t.timeout(120_000);
  const running = await startArms(
    { links },
    {
      placement: place(64, 2, 2),
      serviceTime: { seed: 1, medianMs: 1, sigma: 0.4, slowShare: 0, slowMs: [0, 0] },
      slots: 400,
    },
  );
  t.teardown(() => stopArms(running));
  const { client, root } = running[0]!;
  const answer = (answers: number) =>
    client.ask<{ failures: number; firstFailure: string }>('run', { arm: 'links', inFlight: 6, answers });
  // Until something that lasts is in the old generation.
  await answer(1000);
  await root.ask('collectionsStart');
  const { failures, firstFailure } = await answer(5000);
  const seen = await root.ask<Collections>('collectionsStop');
  t.log(
    `${seen.scavenges} scavenges, ${seen.survivingShare.toFixed(3)} survives, pauses of ${seen.pausesMs.at(-1)?.toFixed(1)} ms at most`,
  );
  t.is(failures, 0, firstFailure);
  t.true(seen.scavenges >= 3, `${seen.scavenges} scavenges`);
  t.true(seen.survivingShare < MOST, `${seen.survivingShare}`);
});
