/** What a picture shows, as data: nothing here knows how it is drawn. */

/** One line of a picture. Points in order of x. */
export interface Series {
  /** For the legend; unique within a panel. */
  readonly name: string;
  readonly points: readonly Point[];
  /** Calculated, not measured: an ideal curve, what was asked for. Drawn dashed. */
  readonly dashed?: boolean;
  /** The series whose colour it takes: an ideal curve beside what was measured. */
  readonly like?: string;
  /** Marks the points too: few points, each measured on its own. */
  readonly marked?: boolean;
  /** Not one of what is compared, but what they are held against: grey, and under the others. */
  readonly reference?: boolean;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Axis {
  /** With the unit: "latency, ms". */
  readonly title: string;
  readonly scale: 'linear' | 'log';
  /** Where the axis begins and ends; absent: what the points need. */
  readonly domain?: readonly [number, number];
  readonly ticks?: readonly Tick[];
}

export interface Tick {
  readonly at: number;
  readonly label: string;
}

/** One plot; those of a chart stand one above the other over the same x axis. */
export interface Panel {
  readonly y: Axis;
  readonly series: readonly Series[];
  readonly height: number;
  /** Names its line even if it has only one. */
  readonly named?: boolean;
}

/** A stretch of x that is shaded through all panels and named in a strip above them. */
export interface Band {
  readonly label: string;
  readonly from: number;
  readonly to: number;
}

export interface Chart {
  /** For file names: lower case and hyphens. */
  readonly name: string;
  readonly title: string;
  /** What the picture says in words, for who can't see it and as its caption. */
  readonly caption: string;
  readonly x: Axis;
  readonly panels: readonly Panel[];
  readonly bands?: readonly Band[];
}
