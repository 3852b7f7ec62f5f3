/**
 * Charts to SVG and PNG, without a browser. What draws them are optional dependencies, loaded when the first picture is drawn: a root in
 * production needs none of them.
 */
import { fileURLToPath } from 'node:url';
import { RegatherError } from '../../../shared/errors/errors.ts';
import type { Chart } from './chart.ts';
import { toDark } from './theme.ts';
import { vegaLiteSpec, widthOf } from './vega-spec.ts';

export interface Picture {
  readonly chart: Chart;
  readonly svg: string;
  readonly darkSvg: string;
}

export interface Painter {
  /** The same chart gives the same text. */
  draw(chart: Chart): Promise<Picture>;
  /** With twice the pixels of the SVG. Off the event loop: several at once use several cores. */
  toPng(svg: string): Promise<Buffer>;
}

/** Vega exports it and its types don't. */
interface TextMetrics {
  width: (item: { readonly fontSize?: number }, text: unknown) => number;
}

/** Loads what pictures need. Throws PACKAGE_MISSING, naming the packages, where one is missing. */
export async function loadPainter(): Promise<Painter> {
  const [vega, vegaLite, resvg] = await Promise.all([
    load(() => import('vega')),
    load(() => import('vega-lite')),
    load(() => import('@resvg/resvg-js')),
  ]);
  // Without a canvas Vega guesses widths, and so far too wide that pictures grow.
  const { textMetrics } = vega as unknown as { textMetrics: TextMetrics };
  textMetrics.width = (item, text) => widthOf(String(text ?? ''), item.fontSize ?? 11);
  const fontFiles = ['DejaVuSans.ttf', 'DejaVuSans-Bold.ttf'].map(fontFile);
  return {
    draw: (chart) =>
      inTurn(async () => {
        const { spec } = vegaLite.compile(vegaLiteSpec(chart));
        const view = new vega.View(vega.parse(spec), { renderer: 'none' });
        // Or ids would go on counting from the last picture.
        vega.resetSVGDefIds();
        const drawn = await view.toSVG();
        view.finalize();
        const svg = tidy(drawn, chart);
        return { chart, svg, darkSvg: toDark(svg) };
      }),
    toPng: async (svg) =>
      (
        await resvg.renderAsync(svg, {
          fitTo: { mode: 'zoom', value: 2 },
          font: {
            loadSystemFonts: false,
            fontFiles,
            defaultFontFamily: 'DejaVu Sans',
            sansSerifFamily: 'DejaVu Sans',
          },
        })
      ).asPng(),
  };
}

/** Vega counts the ids of a process, not of a picture: two drawn at the same time would count each other's. */
let last: Promise<unknown> = Promise.resolve();

function inTurn<T>(draw: () => Promise<T>): Promise<T> {
  const drawn = last.then(draw);
  last = drawn.catch(() => {});
  return drawn;
}

async function load<T>(loading: () => Promise<T>): Promise<T> {
  try {
    return await loading();
  } catch (error) {
    throw missing(error);
  }
}

function fontFile(name: string): string {
  try {
    return fileURLToPath(import.meta.resolve(`dejavu-fonts-ttf/ttf/${name}`));
  } catch (error) {
    throw missing(error);
  }
}

function missing(error: unknown): RegatherError {
  const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
  return new RegatherError(
    'PACKAGE_MISSING',
    `Pictures need the packages vega, vega-lite, @resvg/resvg-js and dejavu-fonts-ttf, which are optional: npm install them (${why})`,
    { cause: error },
  );
}

/** Ids that are unique in a page of several pictures, two decimals, and the caption for who can't see it. */
function tidy(svg: string, chart: Chart): string {
  return svg
    .replace(/ (?:d|transform|x|y|x1|x2|y1|y2|width|height)="[^"]*"/g, (attribute) =>
      attribute.replace(/-?\d+\.\d{3,}/g, (number) => String(Math.round(Number(number) * 100) / 100)),
    )
    .replace(/\b(id="|url\(#)/g, `$1${chart.name}-`)
    .replace(/<svg ([^>]*)>/, `<svg $1 role="img"><title>${escapeXml(chart.caption)}</title>`);
}

export function escapeXml(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text.replace(/[&<>"]/g, (sign) => entities[sign]!);
}
