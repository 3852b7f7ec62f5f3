/** Pictures of what happens as load rises. */
import type { Chart, Point, Series } from './chart.ts';

/** One step of load. */
export interface Step {
  readonly offeredPerSecond: number;
  /** Answers with status OK per second. */
  readonly goodputPerSecond: number;
  /** By name: "p50". Absent where nothing was answered. */
  readonly latencyMs: Readonly<Record<string, number | undefined>>;
}

export interface StepsSeries {
  readonly name: string;
  readonly steps: readonly Step[];
  readonly dashed?: boolean;
  readonly like?: string;
}

/** The hockey stick: flat while there is room, then steep. One set of steps shows each of `percentiles`, several the last one of them. */
export function latencyAgainstLoad(all: readonly StepsSeries[], percentiles: readonly string[]): Chart {
  const shown = all.length === 1 ? percentiles : percentiles.slice(-1);
  const series = all.flatMap(({ name, steps, dashed, like }) =>
    shown.map(
      (percentile): Series => ({
        name: all.length === 1 ? percentile : `${name} ${percentile}`,
        points: byLoad(steps, (step) => step.latencyMs[percentile]),
        marked: true,
        ...(dashed === undefined ? {} : { dashed }),
        ...(like === undefined ? {} : { like: `${like} ${percentile}` }),
      }),
    ),
  );
  return {
    name: 'latency-against-load',
    title: 'Latency against load',
    caption: 'Latency at each step of load: flat while there is room, steep where there is none left.',
    x: loadAxis,
    panels: [{ y: { title: 'latency, ms', scale: 'log' }, series, height: 320 }],
  };
}

/** What was answered of what was asked. On the dashed line everything was. */
export function goodputPicture(all: readonly StepsSeries[]): Chart {
  const rates = all.flatMap(({ steps }) => steps.map((step) => step.offeredPerSecond));
  const most = Math.max(0, ...rates);
  const series = all.map(
    ({ name, steps, dashed, like }): Series => ({
      name,
      points: byLoad(steps, (step) => step.goodputPerSecond),
      marked: true,
      ...(dashed === undefined ? {} : { dashed }),
      ...(like === undefined ? {} : { like }),
    }),
  );
  return {
    name: 'goodput',
    title: 'Goodput against offered load',
    caption:
      'Good answers per second against requests per second. On the dashed line every request gets one.',
    x: loadAxis,
    panels: [
      {
        y: { title: 'good answers per second', scale: 'linear' },
        series: [
          {
            name: 'as many as offered',
            points: [
              { x: 0, y: 0 },
              { x: most, y: most },
            ],
            dashed: true,
            reference: true,
          },
          ...series,
        ],
        height: 320,
      },
    ],
  };
}

const loadAxis = { title: 'offered load, requests per second', scale: 'linear' } as const;

function byLoad(steps: readonly Step[], of: (step: Step) => number | undefined): Point[] {
  return steps
    .flatMap((step) => {
      const y = of(step);
      return y === undefined ? [] : [{ x: step.offeredPerSecond, y }];
    })
    .sort((a, b) => a.x - b.x);
}
