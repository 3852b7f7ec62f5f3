/** What `bench load` shows: one line drawn over itself on a terminal, plain lines elsewhere, JSON lines for programs. Results go to stdout. */
import type { LoadOptions } from '../../../bench/load/load.ts';
import type { Progress } from '../../../bench/load/progress.ts';
import type { LoadRun } from '../../../bench/load/run.ts';
import { type Summary, summarize } from '../../../bench/report/summary.ts';
import { figure } from '../../../bench/report/table.ts';
import { printJson, printLine, table } from '../../output.ts';

export interface LoadScreen {
  /** A sentence on what happens. */
  note(text: string): void;
  start(options: LoadOptions): void;
  progress(progress: Progress): void;
  result(run: LoadRun): void;
}

export function loadScreen(json: boolean): LoadScreen {
  if (json) return jsonScreen;
  const { stderr } = process;
  return textScreen((text) => stderr.write(text), stderr.isTTY ? () => stderr.columns : undefined);
}

const jsonScreen: LoadScreen = {
  note: (message) => printJson({ event: 'message', message }),
  start: ({ name, target }) =>
    printJson({ event: 'start', name, address: target.address, method: target.path.slice(1) }),
  progress: (progress) => printJson({ event: 'progress', ...rounded(progress) }),
  result(run) {
    const { name, interrupted, loop } = run;
    const phases = run.phases.map((phase, i) => ({
      ...phase,
      ...summarize(run.blocks.filter((block) => block.phase === i)),
    }));
    printJson({ event: 'result', name, loop, void: run.void, interrupted, ...summarize(run.blocks), phases });
  },
};

/** `columns` where `write` goes to a terminal, which is asked before each drawing. */
export function textScreen(write: (text: string) => void, columns: (() => number) | undefined): LoadScreen {
  const erase = (): void => {
    if (columns !== undefined) write('\r\u001b[2K');
  };
  return {
    note(text) {
      erase();
      write(`${text}\n`);
    },
    start({ target, warmUpMs }) {
      write(`${target.path.slice(1)} at ${target.address}, after ${warmUpMs / 1000} s of warm-up\n`);
    },
    progress(progress) {
      const line = progressLine(progress);
      erase();
      // A line that wraps could not be erased.
      write(columns === undefined ? `${line}\n` : line.slice(0, columns() - 1));
    },
    result(run) {
      erase();
      printLine(resultText(run));
      for (const why of run.void) write(`Void, the figures don't count: ${why}\n`);
    },
  };
}

export function progressLine(progress: Progress): string {
  const { atMs, durationMs, okPerSecond, p50Ms, p99Ms, ok, errors, dropped, coverage } = progress;
  const seconds = (ms: number): string => (ms / 1000).toFixed(0);
  const where =
    atMs < 0
      ? `warm-up, ${seconds(-atMs)} s left`
      : `${seconds(Math.min(atMs, durationMs))} of ${seconds(durationMs)} s`;
  return [
    where,
    `${figure(okPerSecond)}/s`,
    `p50 ${figure(p50Ms)} ms`,
    `p99 ${figure(p99Ms)} ms`,
    `${errors} failed`,
    ...(dropped > 0 ? [`${dropped} dropped`] : []),
    ...(Number.isNaN(coverage) ? [] : [`coverage ${(coverage * 100).toFixed(1)} %`]),
    // Last, because it grows: what matters most is to stay on a terminal of 80 columns.
    `${ok} ok`,
  ].join('  ');
}

export function resultText(run: LoadRun): string {
  const rows = run.phases.map((phase, i) =>
    row(phase.name, summarize(run.blocks.filter((block) => block.phase === i))),
  );
  if (rows.length > 1) rows.push(row('all', summarize(run.blocks)));
  const head = ['', 'offered/s', 'ok/s', 'p50 ms', 'p90', 'p99', 'p99.9', 'max', 'coverage', 'failed'];
  const interrupted = run.interrupted ? ['Interrupted: shorter than asked for.'] : [];
  return [table(head, rows), ...interrupted].join('\n');
}

function row(name: string, summary: Summary): string[] {
  const { offeredPerSecond, okPerSecond, latencyMs, coverage, errors, dropped, unfinished } = summary;
  const failed = Object.entries({ ...errors, dropped, unfinished }).filter(([, count]) => count > 0);
  const ms = (key: 'p50' | 'p90' | 'p99' | 'p99.9' | 'max'): string => figure(latencyMs?.[key] ?? Number.NaN);
  return [
    name,
    figure(offeredPerSecond),
    figure(okPerSecond),
    ...(['p50', 'p90', 'p99', 'p99.9', 'max'] as const).map(ms),
    coverage === undefined ? '–' : `${(coverage * 100).toFixed(2)} %`,
    failed.map(([kind, count]) => `${count} ${kind}`).join(', ') || '0',
  ];
}

/** NaN becomes null in JSON; the rest has more digits than anybody reads. */
function rounded(progress: Progress): Record<string, number> {
  return Object.fromEntries(
    Object.entries(progress).map(([key, value]) => [key, Math.round(value * 1000) / 1000]),
  );
}
