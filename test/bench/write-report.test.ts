import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { LoadRun } from '../../bench/load/run.ts';
import { addHistograms, formatHgrm } from '../../bench/report/histogram.ts';
import { writeWholeFolder } from '../../bench/report/whole-folder.ts';
import { readyToReport, writeReport } from '../../bench/report/write-report.ts';
import { syntheticRun } from './synthetic-run.ts';

function emptyFolder(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'regather-report-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const pngSignature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

test('a report is a page, pictures in both themes, the run and its percentiles', async (t) => {
  const folder = join(emptyFolder(t), 'report');
  const run = syntheticRun({
    seed: 1,
    seconds: 8,
    faults: [{ label: 'SIGKILL <worker> 2', startMs: 2000, endMs: 4000 }],
  });
  await writeReport(folder, [run]);
  const names = readdirSync(folder).sort();
  const pictures = ['percentiles', 'tail', 'timeline'];
  t.deepEqual(
    names,
    [
      'index.html',
      'run.hgrm',
      'run.json',
      ...pictures.flatMap((name) => [`${name}.svg`, `${name}.png`, `${name}-dark.svg`, `${name}-dark.png`]),
    ].sort(),
  );
  t.deepEqual(JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8')), run);
  for (const name of pictures) {
    t.deepEqual(readFileSync(join(folder, `${name}.png`)).subarray(0, 8), pngSignature);
    const [svg, darkSvg] = [`${name}.svg`, `${name}-dark.svg`].map((file) =>
      readFileSync(join(folder, file), 'utf8'),
    );
    t.regex(svg!, /^<svg /);
    t.not(svg, darkSvg);
    // Only colours differ.
    t.is(svg!.replace(/#[0-9a-f]{6}/g, ''), darkSvg!.replace(/#[0-9a-f]{6}/g, ''));
  }
  t.true(readFileSync(join(folder, 'timeline.svg'), 'utf8').includes('SIGKILL &lt;worker&gt; 2'));
});

test('the page needs nothing from outside and has an id once', async (t) => {
  const folder = join(emptyFolder(t), 'report');
  await writeReport(folder, [syntheticRun({ seed: 2, seconds: 4 }), syntheticRun({ seed: 3, seconds: 4 })]);
  const page = readFileSync(join(folder, 'index.html'), 'utf8');
  t.notRegex(page, /<script|<link|<img|@import|url\((?!#)/);
  t.deepEqual([...page.matchAll(/https?:\/\/[^"]+/g)].map(([url]) => url).filter(isNoNamespace), []);
  const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
  t.deepEqual(ids, [...new Set(ids)]);
  t.true(page.includes('synthetic (2)'));
  t.regex(page, /prefers-color-scheme: dark/);
});

function isNoNamespace(url: string): boolean {
  return !url.startsWith('http://www.w3.org/');
}

test('a void run says so before any figure', async (t) => {
  const folder = join(emptyFolder(t), 'report');
  const run: LoadRun = {
    ...syntheticRun({ seed: 4, seconds: 3 }),
    void: ['Requests were sent late: 7 ms at p99.'],
    interrupted: true,
  };
  await writeReport(folder, [run]);
  const page = readFileSync(join(folder, 'index.html'), 'utf8');
  const warned = page.indexOf('Void, the figures don');
  t.true(warned > 0 && warned < page.indexOf('<table>'));
  t.true(page.includes('Interrupted'));
});

test('steps of load give a picture of latency and one of goodput; deadlines one of coverage', async (t) => {
  const folder = join(emptyFolder(t), 'report');
  const stepped = syntheticRun({
    seed: 5,
    name: 'stepped',
    steps: [50, 100, 200].map((perSecond) => ({ perSecond, seconds: 3 })),
  });
  const at = (deadline: number, coverage: number): LoadRun =>
    syntheticRun({
      seed: deadline,
      seconds: 3,
      name: 'links',
      coverage,
      options: { 'deadline ms': deadline },
    });
  await writeReport(folder, [stepped, at(20, 0.8), at(50, 0.99)]);
  const names = readdirSync(folder);
  for (const name of ['latency-against-load', 'goodput', 'coverage', 'timeline-3'])
    t.true(names.includes(`${name}.svg`), name);
});

test('a run without one good answer has a report still', async (t) => {
  const folder = join(emptyFolder(t), 'report');
  await writeReport(folder, [syntheticRun({ seed: 6, seconds: 3, errorShare: 2 })]);
  t.deepEqual(readdirSync(folder).sort(), [
    'index.html',
    'run.json',
    'timeline-dark.png',
    'timeline-dark.svg',
    'timeline.png',
    'timeline.svg',
  ]);
});

test('a folder that exists is wrong usage, and stays as it is', async (t) => {
  const folder = emptyFolder(t);
  const error = await t.throwsAsync(writeReport(folder, [syntheticRun({ seed: 7, seconds: 2 })]));
  t.like(error, { code: 'USAGE', exit: 2 });
  t.true(error.message.includes(folder));
  t.deepEqual(readdirSync(folder), []);
});

test('where nothing can be written the error says so and nothing is left', async (t) => {
  const parent = emptyFolder(t);
  // A file where a folder would have to be: root, who may write everywhere, can't write there either.
  writeFileSync(join(parent, 'file'), '');
  const error = await t.throwsAsync(
    writeReport(join(parent, 'file', 'report'), [syntheticRun({ seed: 8, seconds: 2 })]),
  );
  t.like(error, { code: 'REPORT_UNWRITABLE', exit: 1 });
  t.notRegex(error.message, /\n/);
  t.deepEqual(readdirSync(parent), ['file']);
});

const linux = process.platform === 'linux' ? test : test.skip;
// Only root may mount.
const linuxRoot = process.getuid?.() === 0 ? linux : test.skip;

linuxRoot('a full disk is one clear line, and nothing is left on it', async (t) => {
  const disk = emptyFolder(t);
  t.is(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=32k', 'none', disk]).status, 0);
  try {
    const error = await t.throwsAsync(
      writeReport(join(disk, 'report'), [syntheticRun({ seed: 8, seconds: 2 })]),
    );
    t.like(error, { code: 'REPORT_UNWRITABLE', exit: 1 });
    t.regex(error.message, /no space left/);
    t.notRegex(error.message, /\n/);
    t.deepEqual(readdirSync(disk), []);
  } finally {
    spawnSync('umount', [disk]);
  }
});

linux('a parent that takes no folders is an error, not an endless wait', async (t) => {
  await t.throwsAsync(writeWholeFolder('/proc/nope/report', { 'a.txt': 'a' }), { code: 'REPORT_UNWRITABLE' });
});

test('a file that fails half-way takes the whole folder with it', async (t) => {
  const parent = emptyFolder(t);
  await t.throwsAsync(writeWholeFolder(join(parent, 'report'), { 'a.txt': 'a', 'no/such/folder.txt': 'b' }), {
    code: 'REPORT_UNWRITABLE',
  });
  t.deepEqual(readdirSync(parent), []);
});

test('a process that ends while it writes a report leaves none of it', (t) => {
  const parent = emptyFolder(t);
  const script = `
    import { readdirSync } from 'node:fs';
    import { setImmediate } from 'node:timers/promises';
    import { writeWholeFolder } from ${JSON.stringify(new URL('../../bench/report/whole-folder.ts', import.meta.url).href)};
    const files = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [i + '.txt', 'text']));
    void writeWholeFolder(${JSON.stringify(join(parent, 'report'))}, files);
    const inside = () => readdirSync(${JSON.stringify(parent)}, { recursive: true }).length;
    while (inside() < 2) await setImmediate();
    process.exit(7);
  `;
  const ended = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  t.is(ended.status, 7, ended.stderr);
  t.deepEqual(readdirSync(parent), []);
});

test('where nothing can be made, it is said before a run of minutes', async (t) => {
  const parent = emptyFolder(t);
  writeFileSync(join(parent, 'file'), '');
  await t.throwsAsync(readyToReport(join(parent, 'file', 'report')), { code: 'REPORT_UNWRITABLE' });
  await readyToReport(join(parent, 'not', 'yet', 'report'));
  t.deepEqual(readdirSync(parent), ['file']);
});

test('.hgrm is as HdrHistogram writes it, in milliseconds', (t) => {
  const run = syntheticRun({ seed: 9, seconds: 3 });
  const histogram = addHistograms(run.blocks.map((block) => block.latency))!;
  const lines = formatHgrm(histogram).trimEnd().split('\n');
  t.is(lines[0], '       Value     Percentile TotalCount 1/(1-Percentile)');
  t.is(lines[1], '');
  const body = lines.slice(2, -3);
  // Java's formats: "%12.3f %2.12f %10d %14.2f", the last line without its last column.
  for (const line of body.slice(0, -1)) t.regex(line, /^ *\d+\.\d{3} \d\.\d{12} +\d+ +\d+\.\d{2}$/);
  t.regex(body.at(-1)!, /^ *\d+\.\d{3} 1\.000000000000 +\d+$/);
  const rows = body.map((line) => line.trim().split(/ +/).map(Number));
  for (const [i, row] of rows.entries()) {
    if (i === 0) continue;
    t.true(row[0]! >= rows[i - 1]![0]! && row[1]! >= rows[i - 1]![1]! && row[2]! >= rows[i - 1]![2]!);
  }
  t.is(rows.at(-1)![2], histogram.totalCount);
  t.is(rows.at(-1)![0], histogram.maxValue / 1000);
  t.regex(lines.at(-3)!, /^#\[Mean {4}= +\d+\.\d{3}, StdDeviation {3}= +\d+\.\d{3}\]$/);
  t.regex(lines.at(-2)!, /^#\[Max {5}= +\d+\.\d{3}, Total count {4}= +\d+\]$/);
  t.regex(lines.at(-1)!, /^#\[Buckets = +\d+, SubBuckets {5}= +\d+\]$/);
});
