/**
 * Two runs of the same arm compare as "no difference" nine times in ten, for each metric. The runs are synthetic but like real ones: seconds
 * resemble their neighbours, stalls and errors come in bursts, tails are long. Seeded: it holds always or never.
 */
import test from 'ava';
import { compareRuns } from '../../bench/report/compare/compare.ts';
import { type Shape, syntheticRun } from './synthetic-run.ts';

const pairs = 100;
const shapes: Record<string, Omit<Shape, 'seed'>> = {
  'half a minute, some persistence': { seconds: 30, perSecond: 400, persistence: 0.5 },
  'half a minute, much persistence': { seconds: 30, perSecond: 400, persistence: 0.8, drift: 0.1 },
  'a minute of independent seconds': { seconds: 60, perSecond: 200, persistence: 0 },
};

for (const [name, shape] of Object.entries(shapes)) {
  test(`no difference nine times in ten: ${name}`, (t) => {
    const told = new Map<string, number>();
    for (let pair = 0; pair < pairs; pair++) {
      const [a, b] = [0, 1].map((side) => syntheticRun({ ...shape, seed: 5000 + 2 * pair + side }));
      for (const { metric, verdict } of compareRuns(a!, b!).groups[0]!.findings)
        if (verdict === 'no difference') told.set(metric.name, (told.get(metric.name) ?? 0) + 1);
    }
    t.deepEqual([...told.keys()], ['p50', 'p90', 'p99', 'p99.9', 'mean', 'goodput', 'error share']);
    for (const [metric, times] of told) t.true(times >= 0.9 * pairs, `${metric}: ${times} of ${pairs}`);
    t.log([...told].map(([metric, times]) => `${metric} ${times}`).join(', '), `of ${pairs}`);
  });
}

test('and a difference of a quarter is found nine times in ten', (t) => {
  let found = 0;
  for (let pair = 0; pair < pairs; pair++) {
    const a = syntheticRun({ seed: 9000 + 2 * pair, seconds: 60, persistence: 0.3 });
    const b = syntheticRun({ seed: 9001 + 2 * pair, seconds: 60, persistence: 0.3, medianMs: 6.25 });
    const p50 = compareRuns(a, b).groups[0]!.findings.find(({ metric }) => metric.name === 'p50')!;
    if (p50.verdict === 'worse') found++;
  }
  t.true(found >= 0.9 * pairs, `${found} of ${pairs}`);
});
