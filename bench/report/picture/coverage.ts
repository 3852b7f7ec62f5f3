/** What an answer contains when it has to be given by a deadline. */
import type { Chart, Series } from './chart.ts';

export interface CoveragePoint {
  readonly deadlineMs: number;
  /** Shards answered of shards expected, over all answers: 0 to 1. */
  readonly coverage: number;
}

export interface CoverageSeries {
  readonly name: string;
  readonly points: readonly CoveragePoint[];
  readonly dashed?: boolean;
  readonly like?: string;
}

export function coverageAgainstDeadline(all: readonly CoverageSeries[]): Chart {
  const values = all.flatMap(({ points }) => points.map((point) => point.coverage * 100));
  const least = values.reduce((a, b) => Math.min(a, b), 100);
  return {
    name: 'coverage',
    title: 'Coverage against deadline',
    caption:
      'How much of the shards an answer contains, by the deadline it was given. Higher and further left is better.',
    x: { title: 'deadline, ms', scale: 'log' },
    panels: [
      {
        y: {
          title: 'shards in the answer, %',
          scale: 'linear',
          domain: [Math.min(90, Math.floor(least / 10) * 10), 101],
        },
        series: all.map(
          ({ name, points, dashed, like }): Series => ({
            name,
            points: points
              .map((point) => ({ x: point.deadlineMs, y: point.coverage * 100 }))
              .sort((a, b) => a.x - b.x),
            marked: true,
            ...(dashed === undefined ? {} : { dashed }),
            ...(like === undefined ? {} : { like }),
          }),
        ),
        height: 320,
      },
    ],
  };
}
