/** What merging costs: on wire bytes, and by decoding and encoding. */
import { BenchProcess } from '../process/bench-process.ts';
import { readMachine } from '../report/machine.ts';
import { type Measured, medianOf, type Report, withRatios } from '../report/report.ts';
import { chooseNames, type RunOptions, reportHead, type Scenario } from '../scenario.ts';

const baseline = 'decode-sort';

const describedArms = {
  'decode-sort': 'protobufjs: decode 64 partials, sort all hits, cut, encode',
  'decode-select': 'protobufjs: decode, pick the best of the sorted partials, encode',
  wire: "Regather's merge of the same partials",
};

export const scenario: Scenario = {
  name: 'merge',
  claim:
    'Merging on wire bytes takes a small part of the time of decoding, merging and encoding, for the same bytes.',
  arms: describedArms,
  metrics: { time: 'one merge of 64 partials with 100 hits each into the best 100 (µs)' },
  guard: (['decode-sort', 'decode-select'] as const).map((over) => ({
    metric: 'time',
    condition: '',
    arm: 'wire',
    over,
    worse: 'higher' as const,
    tolerance: 0.15,
  })),
  run,
};

async function run(options: RunOptions): Promise<Report> {
  const machine = readMachine();
  const arms = chooseNames(scenario.name, describedArms, options.arms);
  const rounds = options.rounds ?? (options.smoke ? 1 : 11);
  const seconds = options.seconds ?? (options.smoke ? 0.1 : 0.5);
  const warmUpSeconds = options.smoke ? 0.05 : 1;
  const samples = new Map<string, number[]>(arms.map((arm) => [arm, []]));
  let sizes: { partialBytes: number; answerBytes: number };
  try {
    const process = new BenchProcess('merge', 'process/merge.ts');
    sizes = await process.ask('setup', { arms, partials: 64, hits: 100, limit: 100 });
    for (const arm of arms) await process.ask('turn', { arm, seconds: warmUpSeconds });
    for (let round = 0; round < rounds; round++) {
      options.progress(`round ${round + 1} of ${rounds}`);
      for (let i = 0; i < arms.length; i++) {
        const arm = arms[(i + round) % arms.length]!;
        samples.get(arm)!.push(await process.ask<number>('turn', { arm, seconds }));
      }
    }
  } finally {
    await BenchProcess.stopAll();
  }
  const measured = withRatios(
    arms.map(
      (arm): Measured => ({ arm, condition: '', metric: 'time', unit: 'µs', samples: samples.get(arm)! }),
    ),
    baseline,
  );
  const time = (arm: string): number => medianOf(measured, arm, 'time');
  return {
    ...reportHead(scenario, baseline, machine, options),
    options: { rounds, seconds, 'warm-up seconds': warmUpSeconds, arms },
    measured,
    headline: [{ condition: '', metric: 'time' }],
    targets: [
      {
        text: 'wire: time against decode-sort',
        value: time('wire') / time('decode-sort'),
        bound: 0.15,
        direction: 'at most',
      },
      {
        text: 'wire: time against decode-select, the fastest by hand',
        value: time('wire') / time('decode-select'),
        bound: 0.15,
        direction: 'at most',
      },
    ],
    notes: [
      `Every arm answered with the same ${sizes.answerBytes} bytes, from ${sizes.partialBytes} bytes of partials; else there would be no figures.`,
    ],
  };
}
