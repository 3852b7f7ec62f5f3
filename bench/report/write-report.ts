/** The report of load runs: a page, pictures, the runs themselves and their percentiles, in one folder. */
import type { LoadRun } from '../load/run.ts';
import { addHistograms, formatHgrm } from './histogram.ts';
import { formatPage, type PageTable } from './html.ts';
import { machineLine } from './machine.ts';
import type { Chart } from './picture/chart.ts';
import { loadPainter, type Painter, type Picture } from './picture/render.ts';
import { chartsOf, type NamedRun, named } from './run-charts.ts';
import { quantiles, type Summary, summarize } from './summary.ts';
import { figure } from './table.ts';
import { expectRoomFor, writeWholeFolder } from './whole-folder.ts';

/**
 * Writes index.html, the pictures (SVG light and dark, PNG light), and for each run its JSON and `.hgrm`. The folder appears whole or not at all.
 *
 * Throws USAGE if it exists, PACKAGE_MISSING without what draws pictures, REPORT_UNWRITABLE if the disk refuses. Ask with
 * `readyToReport` before a run whose report it is to be.
 */
export async function writeReport(folder: string, runs: readonly LoadRun[]): Promise<void> {
  const painter = await readyToReport(folder);
  const pictures = await drawAll(painter, chartsOf(runs));
  const all = named(runs);
  const files: Record<string, string | Buffer> = { ...(await pictureFiles(painter, pictures)) };
  for (const [i, { run }] of all.entries()) {
    const stem = all.length === 1 ? 'run' : `run-${i + 1}`;
    files[`${stem}.json`] = `${JSON.stringify(run)}\n`;
    const histogram = addHistograms(run.blocks.map((block) => block.latency));
    if (histogram !== undefined && histogram.totalCount > 0) files[`${stem}.hgrm`] = formatHgrm(histogram);
  }
  const page = formatPage({
    title: `Load test: ${[...new Set(runs.map((run) => run.name))].join(', ')}`,
    lines: linesOf(runs),
    warnings: all.flatMap((one) => warningsOf(one, all.length)),
    tables: tablesOf(all),
    pictures,
    files: Object.keys(files).filter((name) => /\.(json|hgrm)$/.test(name)),
  });
  await writeWholeFolder(folder, { 'index.html': page, ...files });
}

/** What would keep a report from being written, asked before the run that it is about. */
export async function readyToReport(folder: string): Promise<Painter> {
  await expectRoomFor(folder);
  return loadPainter();
}

export async function drawAll(painter: Painter, charts: readonly Chart[]): Promise<Picture[]> {
  const pictures: Picture[] = [];
  for (const chart of charts) pictures.push(await painter.draw(chart));
  return pictures;
}

/** `percentiles.svg`, `percentiles-dark.svg`, `percentiles.png` and so on. */
export async function pictureFiles(
  painter: Painter,
  pictures: readonly Picture[],
): Promise<Record<string, string | Buffer>> {
  const files = await Promise.all(
    pictures.map(async ({ chart, svg, darkSvg }) => ({
      [`${chart.name}.svg`]: svg,
      [`${chart.name}-dark.svg`]: darkSvg,
      [`${chart.name}.png`]: await painter.toPng(svg),
      [`${chart.name}-dark.png`]: await painter.toPng(darkSvg),
    })),
  );
  return Object.assign({}, ...files) as Record<string, string | Buffer>;
}

function linesOf(runs: readonly LoadRun[]): string[] {
  const lines = runs.map((run) => {
    const options = Object.entries(run.options)
      .map(([name, value]) => `${name}: ${Array.isArray(value) ? value.join(', ') : value}`)
      .join('; ');
    return `${run.name}: ${run.target.method} at ${run.target.address}, ${run.loop} loop, ${run.at}. ${options}.`;
  });
  return [
    ...lines,
    ...new Set(runs.map((run) => machineLine(run.machine))),
    'Latency is that of answers with status OK, from the moment when a request was due to be sent (closed loop: from when it was).',
  ];
}

function warningsOf({ name, run }: NamedRun, of: number): string[] {
  const prefix = of === 1 ? '' : `${name}: `;
  return [
    ...run.void.map((why) => `${prefix}Void, the figures don't count: ${why}`),
    ...(run.interrupted ? [`${prefix}Interrupted: shorter than asked for.`] : []),
  ];
}

function tablesOf(runs: readonly NamedRun[]): PageTable[] {
  const phased = runs.filter(({ run }) => run.phases.length > 1);
  return [
    tableOf(
      'In short',
      'run',
      runs.map(({ name, run }) => ({ name, summary: summarize(run.blocks) })),
    ),
    ...phased.map(({ name, run }) =>
      tableOf(
        runs.length === 1 ? 'By phase' : `${name} by phase`,
        'phase',
        run.phases.map((phase, i) => ({
          name: phase.name,
          summary: summarize(run.blocks.filter((block) => block.phase === i)),
        })),
      ),
    ),
  ];
}

function tableOf(caption: string, what: string, rows: { name: string; summary: Summary }[]): PageTable {
  const percentiles = Object.keys(quantiles) as (keyof typeof quantiles)[];
  const covered = rows.some(({ summary }) => summary.coverage !== undefined);
  const late = rows.some(({ summary }) => summary.latenessP99Ms !== undefined);
  return {
    caption,
    head: [
      what,
      'offered/s',
      'good/s',
      ...percentiles.map((name) => `${name}, ms`),
      'max, ms',
      'failed',
      ...(covered ? ['coverage'] : []),
      ...(late ? ['sent late, p99 ms'] : []),
    ],
    rows: rows.map(({ name, summary }) => [
      name,
      figure(summary.offeredPerSecond),
      figure(summary.okPerSecond),
      ...percentiles.map((one) => figure(summary.latencyMs?.[one] ?? Number.NaN)),
      figure(summary.latencyMs?.max ?? Number.NaN),
      failuresOf(summary),
      ...(covered ? [summary.coverage === undefined ? '–' : `${(summary.coverage * 100).toFixed(2)} %`] : []),
      ...(late ? [figure(summary.latenessP99Ms ?? Number.NaN)] : []),
    ]),
  };
}

/** "2 UNAVAILABLE, 1 dropped"; "0" if all was answered. */
function failuresOf({ errors, dropped, unfinished }: Summary): string {
  const kinds = Object.entries({ ...errors, dropped, unfinished }).filter(([, count]) => count > 0);
  return kinds.length === 0 ? '0' : kinds.map(([kind, count]) => `${count} ${kind}`).join(', ');
}
