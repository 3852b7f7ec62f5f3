/**
 * Measured tables in documents, so that no figure is typed by hand: what stands between `<!-- bench:overhead -->` and
 * `<!-- /bench -->` is made of bench/results/overhead.json; `<!-- bench:overhead short -->` takes the short table.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Report } from './report.ts';
import { formatMarkdown, formatShort } from './table.ts';

const repo = new URL('../../', import.meta.url);
const documents = ['docs/benchmarks.md', 'README.md'];
const MARKED = /(<!-- bench:([a-z]+)( short)? -->\n)[\s\S]*?(<!-- \/bench -->)/g;

/** The text with its tables made anew; `read` gives a scenario's report, undefined if it was never run. */
export function withTables(text: string, read: (scenario: string) => Report | undefined): string {
  return text.replace(
    MARKED,
    (whole, open: string, scenario: string, short: string | undefined, close: string) => {
      const report = read(scenario);
      if (report === undefined) return whole;
      return `${open}${short === undefined ? formatMarkdown(report) : formatShort(report)}${close}`;
    },
  );
}

/** Returns the documents that weren't up to date, and writes them unless told not to. */
export function updateDocs(write: boolean): string[] {
  const stale: string[] = [];
  for (const document of documents) {
    const url = new URL(document, repo);
    if (!existsSync(url)) continue;
    const text = readFileSync(url, 'utf8');
    const updated = withTables(text, readResult);
    if (updated === text) continue;
    stale.push(document);
    if (write) writeFileSync(url, updated);
  }
  return stale;
}

function readResult(scenario: string): Report | undefined {
  const url = new URL(`bench/results/${scenario}.json`, repo);
  if (!existsSync(url)) return undefined;
  try {
    return JSON.parse(readFileSync(url, 'utf8')) as Report;
  } catch (error) {
    throw new Error(`bench/results/${scenario}.json is no report: ${(error as Error).message}`);
  }
}
