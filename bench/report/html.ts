/** A report as one page that needs nothing else: pictures inline, no scripts, light or dark as the reader's system is. */
import { escapeXml, type Picture } from './picture/render.ts';
import { dark, darkRules, light } from './picture/theme.ts';

export interface Page {
  readonly title: string;
  /** Sentences under the title. */
  readonly lines: readonly string[];
  /** What the reader must know before believing a figure. */
  readonly warnings: readonly string[];
  readonly tables: readonly PageTable[];
  readonly pictures: readonly Picture[];
  /** Files beside the page. */
  readonly files: readonly string[];
}

export interface PageTable {
  readonly caption: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export function formatPage(page: Page): string {
  const text = escapeXml;
  const parts = [
    `<h1>${text(page.title)}</h1>`,
    ...page.lines.map((line) => `<p class="faint">${text(line)}</p>`),
    ...(page.warnings.length === 0
      ? []
      : [`<ul class="warning">${page.warnings.map((line) => `<li>${text(line)}</li>`).join('')}</ul>`]),
    ...page.tables.map(tableHtml),
    ...page.pictures.map(
      ({ svg, chart }) =>
        `<figure id="${chart.name}">\n${svg}\n<figcaption>${text(chart.caption)}</figcaption>\n</figure>`,
    ),
    ...(page.files.length === 0
      ? []
      : [
          `<p class="faint">Files: ${page.files.map((file) => `<a href="${encodeURI(file)}">${text(file)}</a>`).join(', ')}</p>`,
        ]),
  ];
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>${text(page.title)}</title>
<style>
${style}
</style>
<body>
${parts.join('\n')}
</body>
</html>
`;
}

function tableHtml({ caption, head, rows }: PageTable): string {
  const row = (tag: string, cells: readonly string[]): string =>
    `<tr>${cells.map((cell) => `<${tag}>${escapeXml(cell)}</${tag}>`).join('')}</tr>`;
  return [
    '<div class="table"><table>',
    `<caption>${escapeXml(caption)}</caption>`,
    `<thead>${row('th', head)}</thead>`,
    `<tbody>${rows.map((cells) => row('td', cells)).join('\n')}</tbody>`,
    '</table></div>',
  ].join('\n');
}

const style = `body { margin: 2rem auto; max-width: 860px; padding: 0 1rem; font: 15px/1.5 "DejaVu Sans", Verdana, sans-serif;
  background: ${light.background}; color: ${light.text}; }
h1 { font-size: 1.5rem; margin-bottom: .5rem; }
.faint { color: ${light.faint}; margin: .2rem 0; font-size: .87rem; }
.warning { background: ${light.band}; color: ${light.bandText}; padding: .7rem .7rem .7rem 2rem; border-radius: 6px; }
.table { overflow-x: auto; margin: 1.5rem 0; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .87rem; }
caption { text-align: left; font-weight: 600; padding-bottom: .4rem; }
th, td { text-align: right; padding: .3rem .5rem; border-bottom: 1px solid ${light.grid}; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
figure { margin: 2rem 0; }
figure svg { max-width: 100%; height: auto; display: block; }
figcaption { color: ${light.faint}; font-size: .87rem; }
a { color: ${light.series[0]}; }
@media (prefers-color-scheme: dark) {
body { background: ${dark.background}; color: ${dark.text}; }
.faint, figcaption { color: ${dark.faint}; }
.warning { background: ${dark.band}; color: ${dark.bandText}; }
th, td { border-color: ${dark.grid}; }
a { color: ${dark.series[0]}; }
${darkRules('svg')}
}`;
