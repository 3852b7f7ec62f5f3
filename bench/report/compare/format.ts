/** A comparison as lines for the terminal. */
import { figure } from '../table.ts';
import type { Comparison } from './compare.ts';
import type { Finding } from './verdict.ts';

export function formatComparison(comparison: Comparison): string {
  const lines = [comparison.title, ...comparison.warnings];
  const all = comparison.groups.flatMap((group) => group.findings);
  const width = (of: (finding: Finding) => string): number =>
    all.reduce((most, finding) => Math.max(most, of(finding).length), 0);
  const [nameWidth, valueWidth, changeWidth] = [width(nameOf), width(valuesOf), width(changeOf)];
  for (const { name, findings } of comparison.groups) {
    lines.push('', ...(name === '' ? [] : [name]));
    for (const finding of findings) {
      lines.push(
        [
          nameOf(finding).padEnd(nameWidth),
          valuesOf(finding).padStart(valueWidth),
          changeOf(finding).padEnd(changeWidth),
          wordsOf(finding),
        ].join('  '),
      );
    }
  }
  return `${lines.join('\n')}\n`;
}

function nameOf({ metric }: Finding): string {
  return metric.unit === '' ? metric.name : `${metric.name}, ${metric.unit}`;
}

function valuesOf({ before, after }: Finding): string {
  return `${figure(before)} → ${figure(after)}`;
}

function changeOf({ metric, change, interval }: Finding): string {
  const [value, low, high] = [change, interval?.low ?? Number.NaN, interval?.high ?? Number.NaN].map((one) =>
    metric.by === 'ratio' || !Number.isFinite(one)
      ? three(one)
      : `${one < 0 ? '−' : '+'}${three(Math.abs(one))}`,
  );
  if (interval === undefined) return '';
  return metric.by === 'ratio' ? `× ${value} (${low}–${high})` : `${value} points (${low} to ${high})`;
}

/** "no difference", "3.2 % lower, better": how much, and whether that is good. */
export function wordsOf({ metric, change, verdict, why }: Finding): string {
  if (verdict === 'unclear') return `unclear: ${why}`;
  if (verdict === 'no difference') return verdict;
  const up = metric.by === 'ratio' ? change > 1 : change > 0;
  const amount =
    metric.by === 'difference'
      ? `${three(Math.abs(change))} points`
      : change > 2 || change < 0.5
        ? `${three(up ? change : 1 / change)} ×`
        : `${three(Math.abs(change - 1) * 100)} %`;
  return `${amount} ${wordFor(metric.unit, up)}: ${verdict}`;
}

function wordFor(unit: string, up: boolean): string {
  if (unit === 'ms' || unit === 'µs') return up ? 'slower' : 'faster';
  return up ? 'higher' : 'lower';
}

function three(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(3))) : '–';
}
