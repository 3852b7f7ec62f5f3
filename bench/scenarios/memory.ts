/** Whether a root's memory grows with the answers that it gave. */
import { type Arm, startArms } from '../process/arms.ts';
import { BenchProcess } from '../process/bench-process.ts';
import type { Marked } from '../process/client.ts';
import { readMachine } from '../report/machine.ts';
import { type Measured, medianOf, type Report } from '../report/report.ts';
import { chooseArms, type RunOptions, type Scenario } from '../scenario.ts';

const inFlight = 32;

export const memory: Scenario = {
  name: 'memory',
  claim: "A root's memory doesn't grow with the answers that it gave.",
  arms: {
    links: 'Regather over links',
    plain: 'Regather, its links turned off (only with --arms)',
    'by-hand': 'hand-written: Promise.all over 16 unary grpc-js calls (only with --arms)',
  },
  metrics: {
    RSS: "the root's resident memory, idle, after forced collections (MiB)",
    growth: 'last RSS over first',
  },
  run,
};

async function run(options: RunOptions): Promise<Report> {
  const machine = readMachine();
  const names = chooseArms(memory, options.arms ?? ['links']);
  const [first, last] = options.smoke ? [200, 1000] : [20_000, 200_000];
  const measured: Measured[] = [];
  for (const name of names) {
    try {
      const [arm] = await startArms([name]);
      const points = [first];
      for (let at = 2; at <= 10; at += 2) points.push((last * at) / 10);
      let answered = 0;
      const rss: number[] = [];
      for (const point of points) {
        await answerUntil(arm!, answered, point, options);
        answered = point;
        const mib = (await arm!.root.ask<number>('rss')) / 2 ** 20;
        rss.push(mib);
        measured.push({
          arm: name,
          condition: '',
          metric: `RSS after ${point.toLocaleString('en')}`,
          unit: 'MiB',
          samples: [mib],
        });
      }
      measured.push({
        arm: name,
        condition: '',
        metric: 'growth',
        unit: '',
        samples: [rss[rss.length - 1]! / rss[0]!],
      });
    } finally {
      await BenchProcess.stopAll();
    }
  }
  return {
    scenario: memory.name,
    claim: memory.claim,
    baseline: `the same root after ${first.toLocaleString('en')} answers`,
    machine,
    at: new Date().toISOString(),
    smoke: options.smoke,
    options: { 'in flight': inFlight, answers: last, arms: names },
    measured,
    headline: [{ condition: '', metric: 'growth' }],
    targets: names.flatMap((arm) => {
      const growth = medianOf(measured, arm, 'growth');
      const text = `${arm}: RSS after ${last.toLocaleString('en')} answers over RSS after ${first.toLocaleString('en')}`;
      return [{ text, value: growth, bound: 1.1, direction: 'at most' as const }];
    }),
    notes: [],
  };
}

async function answerUntil(arm: Arm, from: number, to: number, options: RunOptions): Promise<void> {
  // In portions, so that someone who waits sees it move.
  const portion = Math.max(1, Math.ceil((to - from) / Math.max(1, Math.round((to - from) / 10_000))));
  for (let done = from; done < to; ) {
    const answers = Math.min(portion, to - done);
    const marked = await arm.client.ask<Marked>('run', {
      arm: arm.name,
      inFlight: Math.min(inFlight, answers),
      answers,
    });
    if (marked.failures > 0) {
      throw new Error(
        `${arm.name}: ${marked.failures} answers failed, the first with ${marked.firstFailure}`,
      );
    }
    done += answers;
    const perSecond = Math.round((marked.answers / marked.elapsedMs) * 1000);
    options.progress(
      `${arm.name}: ${done.toLocaleString('en')} answers, ${perSecond.toLocaleString('en')} per second`,
    );
  }
}
