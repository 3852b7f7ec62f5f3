/** What happened when: rate, latency, errors and coverage over one time axis, with what was broken on purpose shaded. */
import type { Band, Chart, Panel, Point, Series } from './chart.ts';

export interface Moment {
  /** The middle of the stretch it stands for, s. */
  readonly atSeconds: number;
  readonly offeredPerSecond: number;
  readonly okPerSecond: number;
  /** Absent where nothing was answered. */
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  /** Per second, by status; "dropped" and "unfinished" among them. */
  readonly errorsPerSecond: Readonly<Record<string, number>>;
  /** Shards answered of those expected; absent where no answer told. */
  readonly coverage?: number;
}

export function timeline(
  moments: readonly Moment[],
  untilSeconds: number,
  faults: readonly Band[],
  options: { readonly name?: string; readonly title?: string } = {},
): Chart {
  const line = (name: string, of: (moment: Moment) => number | undefined): Series => ({
    name,
    points: moments.flatMap((moment): Point[] => {
      const y = of(moment);
      return y === undefined ? [] : [{ x: moment.atSeconds, y }];
    }),
  });
  const statuses = [...new Set(moments.flatMap((moment) => Object.keys(moment.errorsPerSecond)))].sort();
  const panels: Panel[] = [
    {
      y: { title: 'requests/s', scale: 'linear' },
      series: [
        { ...line('offered', (moment) => moment.offeredPerSecond), dashed: true, reference: true },
        line('good answers', (moment) => moment.okPerSecond),
      ],
      height: 110,
    },
    {
      y: { title: 'latency, ms', scale: 'log' },
      series: [line('p50', (moment) => moment.p50Ms), line('p99', (moment) => moment.p99Ms)],
      height: 150,
    },
  ];
  if (statuses.length > 0) {
    panels.push({
      y: { title: 'failed/s', scale: 'linear' },
      series: statuses.map((status) => line(status, (moment) => moment.errorsPerSecond[status] ?? 0)),
      height: 90,
      named: true,
    });
  }
  const percent = (moment: Moment): number | undefined =>
    moment.coverage === undefined ? undefined : moment.coverage * 100;
  const coverage = line('coverage', percent);
  if (coverage.points.length > 0) {
    const least = Math.min(...coverage.points.map((point) => point.y));
    panels.push({
      y: {
        title: 'coverage, %',
        scale: 'linear',
        domain: [Math.max(0, Math.min(90, Math.floor(least / 10) * 10)), 101],
      },
      series: [coverage],
      height: 80,
    });
  }
  return {
    name: options.name ?? 'timeline',
    title: options.title ?? 'Timeline',
    caption:
      `Requests, latency${statuses.length > 0 ? ', failures' : ''}${coverage.points.length > 0 ? ', coverage' : ''} ` +
      `by when a request was due.${statuses.length > 0 ? '' : ' None failed.'}` +
      (faults.length > 0 ? ' Shaded: something was broken on purpose.' : ''),
    x: { title: 'time since the start, s', scale: 'linear', domain: [0, untilSeconds] },
    panels,
    bands: faults,
  };
}
