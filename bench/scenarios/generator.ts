/** What the load tester can do itself: how much it sends on time from one process, what recording costs, and how long a report takes. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { empty } from '../arms.ts';
import { echoPath } from '../echo/codec.ts';
import { makeRequest } from '../echo/shards.ts';
import { SampleBuffer } from '../load/generate/sample.ts';
import { type LoadOptions, runLoad } from '../load/load.ts';
import { seededRandom } from '../load/random.ts';
import { Recording } from '../load/recording.ts';
import type { LoadRun } from '../load/run.ts';
import { blockSpans } from '../load/schedule/blocks.ts';
import { constantRate } from '../load/schedule/stretches.ts';
import { MAX_LATENESS_P99_MS } from '../load/void.ts';
import { Samples } from '../measure/samples.ts';
import { BenchProcess } from '../process/bench-process.ts';
import { addHistograms } from '../report/histogram.ts';
import { readMachine } from '../report/machine.ts';
import { medianOf, type Report } from '../report/report.ts';
import { summarize } from '../report/summary.ts';
import { writeReport } from '../report/write-report.ts';
import { chooseNames, type RunOptions, reportHead, type Scenario } from '../scenario.ts';

const rates = [500, 1000, 2000, 4000, 6000, 8000];
const target = 4000;
const reportSeconds = 30;

const describedArms = {
  open: 'one generator process, Poisson arrivals, one connection, against an empty grpc-js server in another process',
  closed: 'one generator process with 64 in flight against the same: what it could send at most',
  recording: 'no requests: samples recorded as by a generator and collected as by the run',
  report: `the report of a run of ${reportSeconds} s at ${target}/s: page, pictures in both themes, JSON and .hgrm`,
};

export const scenario: Scenario = {
  name: 'generator',
  claim: `One generator process sends ${target} unary requests a second on time, and recording one costs next to nothing.`,
  arms: describedArms,
  metrics: {
    'sent late, p50': 'real minus intended send time (ms)',
    'sent late, p99': `the same at p99; above ${MAX_LATENESS_P99_MS} ms a run is void`,
    'p50 latency': 'from the intended send time (ms)',
    answers: 'per second',
    record: 'adding a sample in the generator and handing it over (ns)',
    collect: 'adding a sample to the blocks of the run, in its own process (ns)',
    write: 'from the recorded run to the folder that is there (s)',
  },
  run,
};

async function run(options: RunOptions): Promise<Report> {
  const machine = readMachine();
  const arms = chooseNames(scenario.name, describedArms, options.arms);
  const rounds = options.rounds ?? (options.smoke ? 1 : 5);
  const seconds = options.seconds ?? (options.smoke ? 0.3 : 5);
  const tried = options.smoke ? rates.slice(0, 2) : rates;
  const samples = new Samples();
  try {
    const server = new BenchProcess('empty server', 'process/root.ts');
    const { address } = await server.ask<{ address: string }>('start', {
      arm: empty,
      workers: [],
      shardCount: 1,
    });
    for (let round = 0; round < rounds; round++) {
      for (const rate of arms.includes('open') ? tried : []) {
        options.progress(`round ${round + 1} of ${rounds}, ${rate}/s`);
        const load: LoadOptions['load'] = {
          loop: 'open',
          stretches: [constantRate(rate, seconds * 1000)],
          arrivals: 'poisson',
        };
        const open = await runLoad({ ...loadOptions(address, options.smoke, round), load });
        const late = addHistograms(open.blocks.map((block) => block.lateness))!;
        const condition = `${rate}/s`;
        samples.add('open', condition, 'sent late, p50', 'ms', late.getValueAtPercentile(50) / 1000);
        samples.add('open', condition, 'sent late, p99', 'ms', late.getValueAtPercentile(99) / 1000);
        samples.add('open', condition, 'p50 latency', 'ms', p50Ms(open));
        samples.add('open', condition, 'answers', '/s', summarize(open.blocks).okPerSecond);
      }
      if (arms.includes('closed')) {
        options.progress(`round ${round + 1} of ${rounds}, closed loop`);
        const load: LoadOptions['load'] = { loop: 'closed', inFlight: 64, durationMs: seconds * 1000 };
        const closed = await runLoad({ ...loadOptions(address, options.smoke, round), load });
        samples.add('closed', '64 in flight', 'answers', '/s', summarize(closed.blocks).okPerSecond);
        samples.add('closed', '64 in flight', 'p50 latency', 'ms', p50Ms(closed));
      }
      if (arms.includes('recording')) {
        const costs = recordingCosts(options.smoke ? 100_000 : 2_000_000);
        samples.add('recording', '', 'record', 'ns', costs.recordNs);
        samples.add('recording', '', 'collect', 'ns', costs.collectNs);
      }
      if (arms.includes('report')) {
        options.progress(`round ${round + 1} of ${rounds}, report`);
        samples.add('report', '', 'write', 's', await secondsToReport());
      }
    }
  } finally {
    await BenchProcess.stopAll();
  }
  const all = samples.all;
  const onTime = tried.filter(
    (rate) => medianOf(all, 'open', 'sent late, p99', `${rate}/s`) <= MAX_LATENESS_P99_MS,
  );
  return {
    ...reportHead(scenario, 'open', machine, options),
    options: { rounds, seconds, arms },
    measured: all,
    headline: [{ condition: `${target}/s`, metric: 'sent late, p99' }].filter(({ condition, metric }) =>
      all.some((one) => one.condition === condition && one.metric === metric),
    ),
    targets: [
      {
        text: `open: sent late at p99, ${target}/s from one process, ms`,
        value: medianOf(all, 'open', 'sent late, p99', `${target}/s`),
        bound: MAX_LATENESS_P99_MS,
        direction: 'at most',
      },
      {
        text: 'recording: a sample, ns',
        value: medianOf(all, 'recording', 'record'),
        bound: 100,
        direction: 'at most',
      },
      {
        text: `report: of a run of ${reportSeconds} s, s`,
        value: medianOf(all, 'report', 'write'),
        bound: 3,
        direction: 'at most',
      },
    ],
    notes: arms.includes('open')
      ? [`On time at p99 up to ${onTime.length === 0 ? 'none of the rates' : `${Math.max(...onTime)}/s`}.`]
      : [],
  };
}

function loadOptions(address: string, smoke: boolean, round: number): Omit<LoadOptions, 'load'> {
  return {
    name: 'generator',
    target: { address, path: echoPath, streaming: false, metadata: [], deadlineMs: 5000, connections: 1 },
    requests: { bodies: [makeRequest()], order: 'cycle' },
    warmUpMs: smoke ? 100 : 2000,
    processes: 1,
    maxInFlight: 10_000,
    seed: round + 1,
  };
}

function p50Ms(run: LoadRun): number {
  return addHistograms(run.blocks.map((block) => block.latency))!.getValueAtPercentile(50) / 1000;
}

/** A second of 4,000 samples at a time, as it comes; mean time of one. */
function recordingCosts(samples: number): { recordNs: number; collectNs: number } {
  const buffer = new SampleBuffer();
  const spans = blockSpans([{ name: '', startMs: 0, durationMs: 30_000, offeredPerSecond: 4000 }]);
  const recording = new Recording({ spans, times: new Float64Array(0) });
  let recordMs = 0;
  let collectMs = 0;
  for (let done = 0; done < samples; done += 1000) {
    const start = performance.now();
    for (let i = 0; i < 1000; i++) buffer.add((done + i) % 30_000, i & 127, 900 + (i & 1023), 0, 16, 16);
    const batch = buffer.take();
    const middle = performance.now();
    recording.add(batch);
    recordMs += middle - start;
    collectMs += performance.now() - middle;
  }
  return { recordNs: (recordMs * 1e6) / samples, collectNs: (collectMs * 1e6) / samples };
}

/** A run of answers that take a millisecond or so and now and then a tenth of a second, written where temporary files go. */
async function secondsToReport(): Promise<number> {
  const phase = {
    name: `${target}/s`,
    startMs: 0,
    durationMs: reportSeconds * 1000,
    offeredPerSecond: target,
  };
  const count = reportSeconds * target;
  const times = Float64Array.from({ length: count }, (_, i) => (i * 1000) / target);
  const recording = new Recording({ spans: blockSpans([phase]), times });
  const random = seededRandom(1);
  const buffer = new SampleBuffer(count);
  for (const atMs of times) {
    const latencyUs = 500 - 400 * Math.log(1 - random()) + (random() < 0.01 ? 100_000 * random() : 0);
    buffer.add(atMs, 100 * random(), latencyUs, 0, 16, 16);
  }
  recording.add(buffer.take());
  const run: LoadRun = {
    kind: 'load',
    version: 1,
    name: 'generator',
    machine: readMachine(),
    at: new Date(0).toISOString(),
    target: { address: 'nobody', method: echoPath.slice(1) },
    loop: 'open',
    options: {},
    void: [],
    interrupted: false,
    phases: [phase],
    blocks: recording.blocks(phase.durationMs),
    faults: [],
  };
  const parent = await mkdtemp(join(tmpdir(), 'regather-report-'));
  try {
    const start = performance.now();
    await writeReport(join(parent, 'report'), [run]);
    return (performance.now() - start) / 1000;
  } finally {
    await rm(parent, { recursive: true });
  }
}
