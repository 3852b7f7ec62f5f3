/** The regression guard, on figures of the test's. */
import test from 'ava';
import type { Baseline } from '../../bench/guard/baseline.ts';
import { check, type Form, measureBaseline } from '../../bench/guard/check.ts';
import { formatChecked } from '../../bench/guard/format.ts';
import { judge } from '../../bench/guard/judge.ts';
import { seededRandom } from '../../bench/load/random.ts';
import { readMachine } from '../../bench/report/machine.ts';
import type { RunOptions, Scenario, Watched } from '../../bench/scenario.ts';

/** Rounds of a ratio that varies by a tenth or so, as on a small machine that others use too. */
function rounds(count: number, ratio: number, seed: number): number[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => ratio * Math.exp(0.12 * (random() + random() + random() - 1.5)));
}

const watched = { metric: 'root CPU', worse: 'higher', tolerance: 0.15 } as const;

test('what did not change is never told as worse', (t) => {
  for (let seed = 1; seed <= 300; seed++) {
    t.not(judge(rounds(12, 0.1, seed), rounds(6, 0.1, seed + 1000), watched).verdict, 'worse');
  }
});

test('half as much again is worse, and twice as good is not', (t) => {
  let found = 0;
  for (let seed = 1; seed <= 100; seed++) {
    if (judge(rounds(12, 0.1, seed), rounds(6, 0.15, seed + 1000), watched).verdict === 'worse') found++;
    t.is(judge(rounds(12, 0.1, seed), rounds(6, 0.05, seed + 1000), watched).verdict, 'holds');
  }
  t.true(found >= 95, `found in ${found} of 100`);
});

test('for what should be high, less is worse', (t) => {
  const answers = { metric: 'answers', worse: 'lower', tolerance: 0.15 } as const;
  t.is(judge(rounds(12, 8, 1), rounds(12, 5, 2), answers).verdict, 'worse');
  t.is(judge(rounds(12, 8, 1), rounds(12, 12, 2), answers).verdict, 'holds');
});

const ratio: Watched = { ...watched, condition: '', arm: 'links', over: 'by-hand' };
const form: Form = { stages: [6, 6, 12], seconds: 1, slack: 1 };

/** A scenario whose arm costs `cost` × the other, and what it was asked for. */
function scenarioOf(cost: (round: number) => number): { scenario: Scenario; asked: RunOptions[] } {
  const asked: RunOptions[] = [];
  let round = 0;
  const scenario: Scenario = {
    name: 'fake',
    claim: '',
    arms: { links: '', 'by-hand': '', other: '' },
    metrics: {},
    guard: [ratio],
    async run(options) {
      asked.push(options);
      const costs = Array.from({ length: options.rounds! }, () => cost(round++));
      const base = rounds(costs.length, 100, asked.length);
      return {
        scenario: 'fake',
        claim: '',
        baseline: 'by-hand',
        machine: readMachine(),
        at: '',
        smoke: false,
        options: {},
        measured: [
          { arm: 'by-hand', condition: '', metric: 'root CPU', unit: 'µs', samples: base },
          {
            arm: 'links',
            condition: '',
            metric: 'root CPU',
            unit: 'µs',
            samples: base.map((one, i) => one * costs[i]!),
          },
        ],
        headline: [],
        targets: [],
        notes: [],
      };
    },
  };
  return { scenario, asked };
}

const progress = (): void => {};
const kept = (): Promise<Baseline> =>
  measureBaseline([scenarioOf((round) => 0.1 * (1 + (round % 3) / 100)).scenario], form, { progress });

test('what holds is told after the first stage, with only the arms that are compared', async (t) => {
  const { scenario, asked } = scenarioOf((round) => 0.1 * (1 + (round % 3) / 100));
  const [found] = await check([scenario], await kept(), form, { progress, burnUs: { links: 5 } });
  t.is(found!.judgement.verdict, 'holds');
  t.deepEqual(
    asked.map((options) => options.rounds),
    [6],
  );
  t.deepEqual(asked[0]!.arms, ['links', 'by-hand']);
  t.deepEqual(asked[0]!.burnUs, { links: 5 });
  t.false(asked[0]!.smoke);
  t.regex(formatChecked([found!]), /holds\n\nNothing got worse/);
});

test('what is worse is told, however fast the machine is', async (t) => {
  const { scenario } = scenarioOf((round) => 0.15 * (1 + (round % 3) / 100));
  const [found] = await check([scenario], await kept(), form, { progress });
  t.is(found!.judgement.verdict, 'worse');
  t.true(Math.abs(found!.judgement.change - 1.5) < 0.01);
  t.regex(
    formatChecked([found!]),
    /root CPU of links against by-hand: 1\.50 × .*WORSE\n\n1 of 1 ratios got worse/,
  );
});

test('what is unclear gets the rounds that were decided beforehand, and all of them count', async (t) => {
  const { scenario, asked } = scenarioOf((round) => (round % 2 === 0 ? 0.08 : 0.16));
  const [found] = await check([scenario], await kept(), form, { progress });
  t.deepEqual(
    asked.map((options) => options.rounds),
    [6, 6, 12],
  );
  t.is(found!.rounds, 24);
  t.is(found!.judgement.verdict, 'unclear');
  t.regex(formatChecked([found!]), /unclear, so it doesn't count\n\nNothing got worse/);
});

test('a ratio that was never kept is an error', async (t) => {
  const { scenario } = scenarioOf(() => 0.1);
  await t.throwsAsync(check([scenario], { ...(await kept()), ratios: [] }, form, { progress }), {
    message: /The baseline lacks fake: root CPU of links against by-hand; see check --update/,
  });
});
