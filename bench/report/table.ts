/** A report as text for the terminal and as markdown. */
import { machineLine } from './machine.ts';
import { type Headline, isMet, type Measured, type Report, spreadOf, type Target } from './report.ts';

/** Three significant digits, or all of a large number's. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const magnitude = Math.abs(value);
  if (magnitude >= 1000) return Math.round(value).toLocaleString('en');
  if (magnitude >= 100) return value.toFixed(0);
  if (magnitude >= 10) return value.toFixed(1);
  return value.toFixed(magnitude >= 1 ? 2 : 3);
}

function cell(one: Measured | undefined): string {
  if (one === undefined) return '–';
  const { median, min, max } = spreadOf(one.samples);
  if (one.samples.length === 1) return figure(median);
  return `${figure(median)} (${figure(min)}–${figure(max)})`;
}

/** A row per arm and a column per metric, one block per condition. */
export function rowsOf(report: Report, condition: string): { header: string[]; rows: string[][] } {
  const here = report.measured.filter((one) => one.condition === condition);
  const metrics = [...new Map(here.map((one) => [one.metric, one.unit])).entries()];
  const arms = [...new Set(here.map((one) => one.arm))];
  const header = [
    'arm',
    ...metrics.flatMap(([metric, unit]) => [unit === '' ? metric : `${metric}, ${unit}`, '×']),
  ];
  const rows = arms.map((arm) => [
    arm,
    ...metrics.flatMap(([metric]) => {
      const one = here.find((m) => m.arm === arm && m.metric === metric);
      return [cell(one), one?.ratio === undefined ? '' : figure(one.ratio)];
    }),
  ]);
  // A column of ratios that nobody has is left out.
  const kept = header.map(
    (_, column) => column === 0 || header[column] !== '×' || rows.some((row) => row[column] !== ''),
  );
  const keep = (row: string[]): string[] => row.filter((_, column) => kept[column]);
  return { header: keep(header), rows: rows.map(keep) };
}

export function conditionsOf(report: Report): string[] {
  return [...new Set(report.measured.map((one) => one.condition))];
}

export function targetText(target: Target): string {
  const verdict = Number.isNaN(target.value) ? 'not measured' : isMet(target) ? 'reached' : 'NOT reached';
  return `${target.text}: ${figure(target.value)} (to reach: ${target.direction} ${figure(target.bound)}) ${verdict}`;
}

export function formatText(report: Report): string {
  const lines = [`${report.scenario}: ${report.claim}`, machineLine(report.machine), optionsLine(report)];
  if (report.smoke) lines.push('SMOKE: shows that it runs; the figures mean nothing.');
  for (const condition of conditionsOf(report)) {
    const { header, rows } = rowsOf(report, condition);
    lines.push('', condition === '' ? 'median (min–max)' : `${condition}: median (min–max)`);
    const widths = header.map((name, column) =>
      Math.max(name.length, ...rows.map((row) => row[column]!.length)),
    );
    for (const row of [header, ...rows]) {
      lines.push(
        row
          .map((text, column) =>
            column === 0 ? text.padEnd(widths[column]!) : text.padStart(widths[column]!),
          )
          .join('  '),
      );
    }
  }
  lines.push('', `× is against ${report.baseline} in this run.`);
  if (report.targets.length > 0) lines.push('', ...report.targets.map(targetText));
  if (report.notes.length > 0) lines.push('', ...report.notes);
  return `${lines.join('\n')}\n`;
}

export function formatMarkdown(report: Report): string {
  const lines: string[] = [];
  if (report.smoke) lines.push('**Smoke run: the figures mean nothing.**', '');
  for (const condition of conditionsOf(report)) {
    const { header, rows } = rowsOf(report, condition);
    if (condition !== '') lines.push(`**${condition}**`, '');
    lines.push(
      `| ${header.join(' | ')} |`,
      `|${header.map((_, column) => (column === 0 ? '---|' : '--:|')).join('')}`,
    );
    for (const row of rows) lines.push(`| ${row.join(' | ')} |`);
    lines.push('');
  }
  if (report.targets.length > 0) {
    lines.push('| target | to reach | measured | |', '|---|--:|--:|---|');
    for (const target of report.targets) {
      const verdict = Number.isNaN(target.value)
        ? 'not measured'
        : isMet(target)
          ? 'reached'
          : '**not reached**';
      lines.push(
        `| ${target.text} | ${target.direction} ${figure(target.bound)} | ${figure(target.value)} | ${verdict} |`,
      );
    }
    lines.push('');
  }
  for (const note of report.notes) lines.push(`- ${note}`);
  if (report.notes.length > 0) lines.push('');
  lines.push(
    `Median (min–max); × is against \`${report.baseline}\` in the same run. ${machineLine(report.machine)}. ` +
      `${optionsLine(report)}. ${report.at.slice(0, 10)}.`,
  );
  return `${lines.join('\n')}\n`;
}

/** One row per arm: medians of the headline's metrics, with their ratios. */
export function formatShort(report: Report): string {
  const column = ({ condition, metric }: Headline): string => {
    const unit = report.measured.find((one) => one.metric === metric)?.unit ?? '';
    return [metric, unit === '' ? '' : `, ${unit}`, condition === '' ? '' : ` (${condition})`].join('');
  };
  const lines = [
    `| arm | ${report.headline.map(column).join(' | ')} |`,
    `|---|${report.headline.map(() => '--:|').join('')}`,
  ];
  for (const arm of new Set(report.measured.map((one) => one.arm))) {
    const cells = report.headline.map(({ condition, metric }) => {
      const one = report.measured.find(
        (m) => m.arm === arm && m.metric === metric && m.condition === condition,
      );
      if (one === undefined) return '–';
      const median = figure(spreadOf(one.samples).median);
      return one.ratio === undefined ? median : `${median} (${figure(one.ratio)} ×)`;
    });
    lines.push(`| \`${arm}\` | ${cells.join(' | ')} |`);
  }
  lines.push(
    '',
    `Medians; × is against \`${report.baseline}\` in the same run. ${machineLine(report.machine)}.`,
  );
  if (report.smoke) lines.push('', '**Smoke run: the figures mean nothing.**');
  return `${lines.join('\n')}\n`;
}

export function optionsLine(report: Report): string {
  return Object.entries(report.options)
    .map(([name, value]) => `${name}: ${Array.isArray(value) ? value.join(', ') : value}`)
    .join('; ');
}
