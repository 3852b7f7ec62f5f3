/**
 * Measured tables and pictures in documents, so that no figure is typed by hand: what stands between `<!-- bench:overhead -->` and
 * `<!-- /bench -->` is made of bench/results/overhead.json; `<!-- bench:overhead short -->` takes the short table, `<!-- bench:overhead
 * pictures -->` its pictures, which are drawn into docs/images.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Chart } from './picture/chart.ts';
import { escapeXml, loadPainter } from './picture/render.ts';
import { readScenarioReport } from './read-result.ts';
import type { Report } from './report.ts';
import { chartsOfReport } from './scenario-charts.ts';
import { formatMarkdown, formatShort } from './table.ts';

const repo = new URL('../../', import.meta.url);
const documents = ['docs/benchmarks.md', 'README.md'];
const images = 'docs/images';
const MARKED = /(<!-- bench:([a-z-]+)( short| pictures)? -->\n)[\s\S]*?(<!-- \/bench -->)/g;

/** The text with its tables made anew; `read` gives a scenario's report, undefined if it was never run. `document`: its path in the repository. */
export function withTables(
  text: string,
  read: (scenario: string) => Report | undefined,
  document = 'docs/benchmarks.md',
): string {
  return text.replace(
    MARKED,
    (whole, open: string, scenario: string, kind: string | undefined, close: string) => {
      const report = read(scenario);
      if (report === undefined) return whole;
      return `${open}${made(report, kind, document)}${close}`;
    },
  );
}

function made(report: Report, kind: string | undefined, document: string): string {
  if (kind === ' short') return formatShort(report);
  if (kind === ' pictures') return picturesMarkdown(chartsOfReport(report), document);
  return formatMarkdown(report);
}

/** Each in the theme that the reader has. */
function picturesMarkdown(charts: readonly Chart[], document: string): string {
  const folder = posix.relative(dirname(document), images) || '.';
  return charts
    .map(({ name, caption }) =>
      [
        '<picture>',
        `  <source media="(prefers-color-scheme: dark)" srcset="${folder}/${name}-dark.svg">`,
        `  <img alt="${escapeXml(caption)}" src="${folder}/${name}.svg">`,
        '</picture>',
        '',
        '',
      ].join('\n'),
    )
    .join('');
}

/** The pictures that a document shows, by their path in the repository. */
export async function picturesOf(
  text: string,
  read: (scenario: string) => Report | undefined,
): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const [, , scenario, kind] of text.matchAll(MARKED)) {
    const report = kind === ' pictures' ? read(scenario!) : undefined;
    if (report === undefined) continue;
    const painter = await loadPainter();
    for (const chart of chartsOfReport(report)) {
      const { svg, darkSvg } = await painter.draw(chart);
      files[`${images}/${chart.name}.svg`] = `${svg}\n`;
      files[`${images}/${chart.name}-dark.svg`] = `${darkSvg}\n`;
    }
  }
  return files;
}

/** Returns the documents and pictures that weren't up to date, and writes them unless told not to. */
export async function updateDocs(write: boolean): Promise<string[]> {
  const stale: string[] = [];
  const put = (path: string, content: string): void => {
    const url = new URL(path, repo);
    if (existsSync(url) && readFileSync(url, 'utf8') === content) return;
    stale.push(path);
    if (!write) return;
    mkdirSync(new URL('.', url), { recursive: true });
    writeFileSync(url, content);
  };
  for (const document of documents) {
    const url = new URL(document, repo);
    if (!existsSync(url)) continue;
    const text = readFileSync(url, 'utf8');
    put(document, withTables(text, readResult, document));
    for (const [path, svg] of Object.entries(await picturesOf(text, readResult))) put(path, svg);
  }
  return stale;
}

function readResult(scenario: string): Report | undefined {
  const file = fileURLToPath(new URL(`bench/results/${scenario}.json`, repo));
  return existsSync(file) ? readScenarioReport(file) : undefined;
}
