/** `regather bench load`: sends load to a method, shows how it goes, and reports what came of it. */
import {
  type ClosedLoad,
  type LoadOptions,
  type OpenLoad,
  type ReplayLoad,
  runLoad,
} from '../../../bench/load/load.ts';
import { expectedArrivals } from '../../../bench/load/schedule/arrivals.ts';
import { RegatherError } from '../../../shared/errors/errors.ts';
import { silentLogger } from '../../../shared/log/logger.ts';
import { encodeJson } from '../../json/encode.ts';
import { JsonTypes } from '../../json/types.ts';
import { type JsonOption, wholeNumber } from '../../options.ts';
import type { Exit } from '../../program.ts';
import { findMethod } from '../../rpc/method.ts';
import { metadataPairs, openClient, prepareWith, type TargetOptions, targetOf } from '../../rpc/target.ts';
import { quietGrpc } from '../bind.ts';
import { durationMs, expectWithinDay, positive, type RateFlags, stretchesOf } from './amounts.ts';
import { type LoadScreen, loadScreen } from './load-screen.ts';
import { openReportFolder, type ReportFolder } from './report-folder.ts';
import { type RequestFlags, type RequestSource, requestSource } from './requests.ts';

export interface BenchLoadOptions extends TargetOptions, JsonOption, RateFlags, RequestFlags {
  readonly speed?: string;
  readonly arrivals?: string;
  readonly inFlight?: string;
  readonly duration?: string;
  readonly count?: string;
  readonly warmUp?: string;
  readonly timeout?: string;
  readonly maxInFlight?: string;
  readonly processes?: string;
  readonly connections?: string;
  readonly seed?: string;
  readonly name?: string;
  readonly out?: string;
}

export async function load(
  method: string,
  request: string | undefined,
  options: BenchLoadOptions,
): Promise<Exit> {
  quietGrpc(silentLogger);
  const shape = shapeOf(options);
  const fixed = fixedOptions(options);
  const metadata = metadataPairs(options);
  const folder = options.out === undefined ? undefined : await openReportFolder(options.out);
  const target = targetOf(options);
  const client = openClient(target);
  try {
    const prepared = await prepareWith(client, target, async (descriptors) => {
      const found = findMethod(descriptors, method, target.service);
      const types = new JsonTypes(descriptors);
      const type = types.message(found.requestType);
      const source = await requestSource(request, options, shape.requests, fixed.seed, (value) =>
        encodeJson(types, type, value),
      );
      return { found, source };
    });
    client.close();
    const { found, source } = prepared;
    return await runAndReport(
      {
        ...fixed,
        name: options.name ?? found.path.slice(found.path.lastIndexOf('/') + 1),
        target: {
          address: target.address,
          path: found.path,
          streaming: found.streaming,
          tls: target.tls,
          metadata,
          deadlineMs: fixed.deadlineMs,
          connections: fixed.connections,
        },
        requests: source.pool,
        load: shape.load(source),
      },
      loadScreen(options.json === true),
      folder,
    );
  } finally {
    client.close();
  }
}

interface Shape {
  /** How many requests it will take, as far as is known before they are there. */
  readonly requests: number;
  readonly load: (source: RequestSource) => OpenLoad | ReplayLoad | ClosedLoad;
}

function shapeOf(options: BenchLoadOptions): Shape {
  const totalMs = durationMs('--duration', options.duration ?? '30s');
  const count = options.count === undefined ? undefined : wholeNumber('--count', options.count, 1, 1e9);
  const stretches = stretchesOf(options, totalMs);
  if (options.replay !== undefined) {
    const others = ['rate', 'steps', 'ramp', 'inFlight', 'duration', 'count', 'arrivals'] as const;
    for (const other of others) {
      if (options[other] !== undefined) throw notWith('--replay', other);
    }
    const speed = positive('--speed', options.speed ?? '1');
    return { requests: 0, load: ({ atMs = [] }) => replayOf(atMs, speed) };
  }
  if (options.speed !== undefined) throw new RegatherError('USAGE', '--speed: expected with --replay');
  if (options.inFlight !== undefined) {
    if (stretches !== undefined)
      throw new RegatherError('USAGE', 'Expected a rate (open loop) or --in-flight (closed loop), got both');
    for (const other of ['arrivals', 'maxInFlight'] as const) {
      if (options[other] !== undefined) throw notWith('--in-flight', other);
    }
    const inFlight = wholeNumber('--in-flight', options.inFlight, 1, 100_000);
    return {
      requests: count ?? Number.POSITIVE_INFINITY,
      load: () => ({ loop: 'closed', inFlight, durationMs: totalMs, count }),
    };
  }
  if (options.steps !== undefined && options.duration !== undefined) throw notWith('--steps', 'duration');
  const { arrivals = 'poisson' } = options;
  if (arrivals !== 'poisson' && arrivals !== 'constant')
    throw new RegatherError('USAGE', `--arrivals: expected poisson or constant, got "${arrivals}"`);
  const open: OpenLoad = {
    loop: 'open',
    stretches: stretches ?? stretchesOf({ rate: '100' }, totalMs)!,
    arrivals,
    count,
  };
  const expected = Math.ceil(expectedArrivals(open.stretches) * 1.2) + 100;
  return { requests: Math.min(count ?? expected, expected), load: () => open };
}

function replayOf(atMs: readonly number[], speed: number): ReplayLoad {
  const lastMs = (atMs.at(-1) ?? 0) - (atMs[0] ?? 0);
  expectWithinDay('--replay', 'a log, in milliseconds,', lastMs / speed);
  return { loop: 'replay', atMs, speed };
}

/** What a histogram of a run can hold, and a second for what was late. */
const MAX_DEADLINE_MS = 3_600_000;

function notWith(option: string, other: string): RegatherError {
  const flag = `--${other.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  return new RegatherError('USAGE', `${option}: expected without ${flag}`);
}

function fixedOptions(options: BenchLoadOptions) {
  const processes = wholeNumber('--processes', options.processes ?? '1', 1, 64);
  return {
    processes,
    connections: wholeNumber('--connections', options.connections ?? String(processes), processes, 1000),
    deadlineMs: wholeNumber('--timeout', options.timeout ?? '10000', 1, MAX_DEADLINE_MS),
    maxInFlight: wholeNumber('--max-in-flight', options.maxInFlight ?? '10000', processes, 1_000_000),
    warmUpMs: durationMs('--warm-up', options.warmUp ?? (options.replay === undefined ? '5s' : '0'), 0),
    seed: wholeNumber('--seed', options.seed ?? '1', 0, 2 ** 32 - 1),
  };
}

async function runAndReport(
  options: LoadOptions,
  screen: LoadScreen,
  folder: ReportFolder | undefined,
): Promise<Exit> {
  const stop = new AbortController();
  const interrupt = (): void => {
    // The first one asks for the report so far; a second one can't wait.
    if (stop.signal.aborted) process.exit(130);
    stop.abort();
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  try {
    if (folder?.lacking !== undefined) screen.note(folder.lacking);
    screen.start(options);
    const run = await runLoad({
      ...options,
      signal: stop.signal,
      onProgress: (progress) => screen.progress(progress),
    });
    // Before the report, which a full disk may refuse.
    screen.result(run);
    await folder?.write(run);
    return run.void.length === 0 ? 0 : 1;
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}
