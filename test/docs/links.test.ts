/** Every link of every page leads somewhere: to a file that is there, and to a heading that it has. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import test from 'ava';
import { packageRoot } from '../../shared/package.ts';
import { pages } from './pages.ts';

/** Headings and links within code are none. */
const prose = (file: string): string => readFileSync(file, 'utf8').replace(/^```.*?^```/gms, '');

/** As GitHub makes them: words of the heading in lower case, joined by dashes. */
function anchors(file: string): Set<string> {
  return new Set(
    [...prose(file).matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
      heading!
        .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
        .trim()
        .toLowerCase()
        .replace(/[^\p{L}\p{N}_ -]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

/** The links within this repository, as they are written. */
const linksOf = (page: string): string[] =>
  [...prose(page).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target!)
    .filter((target) => !/^https?:/.test(target));

function leadsSomewhere(page: string, link: string): boolean {
  const [path = '', anchor] = link.split('#');
  const file = path === '' ? page : join(dirname(page), path);
  if (!existsSync(file)) return false;
  return anchor === undefined || !file.endsWith('.md') || anchors(file).has(anchor);
}

test('every link leads somewhere', (t) => {
  const links = pages().flatMap((page) => linksOf(page).map((link) => ({ page, link })));
  t.true(links.length > 100);
  const broken = links.filter(({ page, link }) => !leadsSomewhere(page, link));
  t.deepEqual(
    broken.map(({ page, link }) => `${relative(packageRoot, page)}: ${link}`),
    [],
  );
});

test('every guide and every page of reference is found from the README', (t) => {
  const readme = join(packageRoot, 'README.md');
  const linked = new Set(linksOf(readme));
  const all = globSync('docs/{guides,reference}/*.md', { cwd: packageRoot });
  t.true(all.length > 10);
  t.deepEqual(
    all.filter((page) => !linked.has(page)),
    [],
  );
});

test('a link to a file or a heading that is not there is found', (t) => {
  const page = join(packageRoot, 'docs', 'reference', 'admin.md');
  t.true(leadsSomewhere(page, 'metrics.md#buckets'));
  t.false(leadsSomewhere(page, 'metrics.md#pails'));
  t.false(leadsSomewhere(page, 'metric.md'));
  t.false(leadsSomewhere(page, '#nowhere'));
});
