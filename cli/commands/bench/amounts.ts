/** Amounts on the command line of `bench`: rates, durations, and how rates go over time. */
import {
  constantRate,
  ramp,
  type Spike,
  type Stretch,
  steps,
  withSpikes,
} from '../../../bench/load/schedule/stretches.ts';
import { RegatherError } from '../../../shared/errors/errors.ts';

export interface RateFlags {
  readonly rate?: string;
  readonly steps?: string;
  readonly stepSeconds?: string;
  readonly ramp?: string;
  readonly spike?: readonly string[];
}

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const MAX_RATE = 1_000_000;
const MAX_DURATION_MS = 86_400_000;

/** "500ms", "30s", "2m", "1h"; a number alone is seconds. */
export function durationMs(option: string, text: string, leastMs = 1): number {
  const [, number, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text.trim()) ?? [];
  const ms = Number(number) * (units[unit] ?? Number.NaN);
  if (ms >= leastMs && ms <= MAX_DURATION_MS) return ms;
  throw wrong(
    option,
    leastMs === 0 ? 'a duration up to 24h, for instance 2s' : 'a duration, for instance 30s or 2m',
    text,
  );
}

/** What is more than a day by mistake, as a log in microseconds is, would fill the memory with its seconds before anything is sent. */
export function expectWithinDay(option: string, what: string, ms: number): void {
  if (ms <= MAX_DURATION_MS) return;
  const hours = Number((ms / 3_600_000).toPrecision(3));
  throw new RegatherError('USAGE', `${option}: expected ${what} of at most 24 h, got ${hours} h`);
}

export function positive(option: string, text: string, what = 'a number above 0'): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value > 0) return value;
  throw wrong(option, what, text);
}

/** How the rate goes, by --rate (with --spike), --steps or --ramp. Undefined: none of them is given. */
export function stretchesOf(flags: RateFlags, totalMs: number): Stretch[] | undefined {
  const given = (['rate', 'steps', 'ramp'] as const).filter((name) => flags[name] !== undefined);
  if (given.length > 1) {
    throw new RegatherError(
      'USAGE',
      `Expected one of --rate, --steps, --ramp, got --${given.join(' and --')}`,
    );
  }
  if (flags.spike !== undefined && flags.rate === undefined) {
    throw new RegatherError('USAGE', '--spike: expected with --rate, which it interrupts');
  }
  if (flags.stepSeconds !== undefined && flags.steps === undefined) {
    throw new RegatherError('USAGE', '--step-seconds: expected with --steps');
  }
  if (flags.steps !== undefined) {
    const seconds = positive('--step-seconds', flags.stepSeconds ?? '10');
    const stepMs = durationMs('--step-seconds', `${seconds}s`);
    const rates = flags.steps.split(',').map((text) => rateOf('--steps', text));
    expectWithinDay('--steps', 'steps', rates.length * stepMs);
    return steps(rates, stepMs);
  }
  if (flags.ramp !== undefined) return [rampOf(flags.ramp, totalMs)];
  if (flags.rate === undefined) return undefined;
  const rate = rateOf('--rate', flags.rate);
  if (flags.spike === undefined) return [constantRate(rate, totalMs)];
  const spikes = flags.spike.map(spikeOf);
  try {
    return withSpikes(rate, totalMs, spikes);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new RegatherError('USAGE', `--spike: ${error.message}`);
  }
}

function rateOf(option: string, text: string, least = 0.001): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= least && value <= MAX_RATE) return value;
  throw wrong(option, `requests per second, at most ${MAX_RATE}`, text);
}

function rampOf(text: string, totalMs: number): Stretch {
  const [from, to, more] = text.split(':');
  if (from === undefined || to === undefined || more !== undefined)
    throw wrong('--ramp', 'from:to, for instance 0:500', text);
  const [first, last] = [rateOf('--ramp', from, 0), rateOf('--ramp', to, 0)];
  if (first + last === 0) throw wrong('--ramp', 'a rate above 0 at one end', text);
  return ramp(first, last, totalMs);
}

/** "2000:2s@10s": that rate for that long, from then on. */
function spikeOf(text: string): Spike {
  const [, rate, long, at] = /^([^:@]+):([^:@]+)@([^:@]+)$/.exec(text) ?? [];
  if (rate === undefined || long === undefined || at === undefined)
    throw wrong('--spike', 'rate:duration@start, for instance 2000:2s@10s', text);
  return {
    perSecond: rateOf('--spike', rate),
    durationMs: durationMs('--spike', long),
    atMs: durationMs('--spike', at, 0),
  };
}

function wrong(option: string, what: string, got: string): RegatherError {
  return new RegatherError('USAGE', `${option}: expected ${what}, got "${got}"`);
}
