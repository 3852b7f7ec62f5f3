/** What a run of the load tester recorded, as data: reports, pictures and comparisons are derived from it and from nothing else. */
import type { Machine } from '../report/machine.ts';

/**
 * An HdrHistogram (V2, zlib, base64: what HdrHistogram's own tools read) of microseconds, three significant digits. Histograms of
 * blocks add up to those of phases and of the whole run.
 */
export type EncodedHistogram = string;

/** A stretch of the schedule with one idea: a constant rate, one step of several, a ramp, a spike. */
export interface Phase {
  /** "200/s", "ramp 0 → 500/s". Unique within the run. */
  readonly name: string;
  /** From the start of the measured part, ms. */
  readonly startMs: number;
  readonly durationMs: number;
  /** Requests per second that the schedule asks for, on average. Closed loop: 0. */
  readonly offeredPerSecond: number;
}

/**
 * What was *scheduled* in one stretch of time (a second, unless the run is very short), whenever it ended. The unit that comparisons resample:
 * requests near each other in time are not independent, blocks nearly are.
 */
export interface Block {
  readonly startMs: number;
  readonly durationMs: number;
  /** Index in `phases`. */
  readonly phase: number;
  /** Invariant: scheduled == ok + sum(errors) + dropped + unfinished. */
  readonly scheduled: number;
  readonly ok: number;
  /** By status name: "DEADLINE_EXCEEDED". Never "OK". */
  readonly errors: Readonly<Record<string, number>>;
  /** Not sent: too many were in flight already. */
  readonly dropped: number;
  /** Without an answer when the run ended. */
  readonly unfinished: number;
  /** Answers with status OK that lack shards, and the sums over all answers that told their coverage. */
  readonly partial: number;
  readonly shardsExpected: number;
  readonly shardsAnswered: number;
  /** Of answers with status OK, from the *intended* send time (closed loop: from the real one). */
  readonly latency: EncodedHistogram;
  /** Real minus intended send time. Closed loop: empty. */
  readonly lateness: EncodedHistogram;
}

/** A stretch in which something was broken on purpose: shaded in pictures. */
export interface Fault {
  readonly label: string;
  readonly startMs: number;
  readonly endMs: number;
}

export interface LoadRun {
  readonly kind: 'load';
  readonly version: 1;
  /** What the run is called in pictures and comparisons: an arm's name, or what --name says. */
  readonly name: string;
  readonly machine: Machine;
  /** When the measured part began, ISO 8601. */
  readonly at: string;
  readonly target: { readonly address: string; readonly method: string };
  readonly loop: 'open' | 'closed';
  /** What reproduces the run: rate, arrivals, seed, processes … Coverage is drawn against `deadline ms`. */
  readonly options: Readonly<Record<string, number | string | readonly string[]>>;
  /** Why the figures don't count, a sentence each; empty: they do. */
  readonly void: readonly string[];
  /** Ctrl-C ended it: it is shorter than asked for. */
  readonly interrupted: boolean;
  readonly phases: readonly Phase[];
  /** By start. Without the warm-up. */
  readonly blocks: readonly Block[];
  readonly faults: readonly Fault[];
}
