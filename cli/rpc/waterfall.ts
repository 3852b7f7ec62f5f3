/** An explanation drawn as a waterfall: a line for each attempt, over the time of the answer. Pure: text from data. */
import type { ExplainedAttemptJson, ExplainJson } from './explain.ts';

export interface WaterfallOptions {
  /** Columns of the terminal. */
  readonly width: number;
  readonly colour: boolean;
  /** Shards that are drawn, the last to be decided first. */
  readonly shards: number;
}

type Part = 'wire' | 'queue' | 'service' | 'held' | 'own' | 'unknown' | 'lost';

/** Distinct without colour. */
const marks: Record<Part, string> = {
  wire: '─',
  queue: '·',
  service: '█',
  held: '░',
  own: '▒',
  unknown: '▓',
  lost: '×',
};
const colours: Record<Part, number> = {
  wire: 90,
  queue: 33,
  service: 32,
  held: 90,
  own: 36,
  unknown: 32,
  lost: 31,
};

interface Row {
  readonly label: string;
  readonly segments: readonly { readonly part: Part; readonly fromUs: number; readonly us: number }[];
  readonly text: string;
}

const MIN_BAR = 16;
const MAX_BAR = 60;

export function waterfall(explain: ExplainJson, options: WaterfallOptions): string {
  const { totalUs = 0, shards = [], shardsLeftOut = 0 } = explain;
  const rows = rowsOf(explain, options.shards);
  const label = Math.max(...rows.map((row) => row.label.length));
  // What is said behind the bars may be cut, the bars not below what can be read.
  const text = Math.max(...rows.map((row) => row.text.length));
  const bar = Math.min(MAX_BAR, Math.max(MIN_BAR, options.width - label - text - 4));
  const room = Math.max(8, options.width - label - bar - 4);
  const end = milliseconds(totalUs);
  const lines = [
    explain.verdict ?? '',
    headline(explain),
    `${' '.repeat(label)}  0${end.padStart(bar - 1)}`,
    ...rows.map((row) =>
      `${row.label.padEnd(label)}  ${drawn(row.segments, totalUs, bar, options.colour)}  ${cut(row.text, room)}`.trimEnd(),
    ),
  ];
  const hidden = Math.max(0, shards.length - options.shards) + shardsLeftOut;
  if (hidden > 0) lines.push(`${hidden} more shards, all of them earlier`);
  const used = new Set(rows.flatMap((row) => row.segments.map(({ part }) => part)));
  lines.push(legend(used));
  return lines.join('\n');
}

function headline(explain: ExplainJson): string {
  const { method = '', scatter = '', tasks = 0, epoch = '0', allowedUs = 0, hedgeAfterUs = 0 } = explain;
  const { primaries = 0, hedges = 0, retries = 0, probes = 0, notHedged = '' } = explain;
  const { budgetLeft = 0, hedgesLeft = 0 } = explain;
  const counts = [
    [primaries, 'first'],
    [probes, 'probe'],
    [hedges, 'hedge'],
    [retries, 'retry'],
  ] as const;
  const attempts = counts.filter(([count]) => count > 0).map(([count, name]) => `${count} ${name}`);
  const hedging =
    hedgeAfterUs > 0
      ? `hedging after ${milliseconds(hedgeAfterUs)}`
      : `no hedging${notHedged === '' ? '' : ` (${notHedged})`}`;
  const parts = [
    `${method}: ${scatter}, ${tasks} task${tasks === 1 ? '' : 's'}, epoch ${epoch}`,
    `attempts: ${attempts.join(', ') || 'none'}`,
    hedging,
    `budget left: ${budgetLeft}, for hedges ${hedgesLeft}`,
    `time allowed: ${milliseconds(allowedUs)}`,
  ];
  return parts.join('; ');
}

function rowsOf(explain: ExplainJson, most: number): Row[] {
  const { admissionUs = 0, planUs = 0, mergeUs = 0, totalUs = 0, shards = [] } = explain;
  const rows: Row[] = [own('plan', 0, planUs), own('admission', planUs, admissionUs)];
  for (const { shard = 0, missing, notHedged = '', attempts = [] } of shards.slice(0, most)) {
    if (attempts.length === 0)
      rows.push({ label: `${shard}`, segments: [], text: `${missing ?? ''}: nobody asked` });
    for (const [i, attempt] of attempts.entries()) {
      const { worker = '', kind = '' } = attempt;
      const label = `${i === 0 ? shard : ' '.repeat(String(shard).length)} ${worker}${i === 0 && kind === 'PRIMARY' ? '' : ` ${kind.toLowerCase()}`}`;
      const alone = i === 0 && notHedged !== '' ? `, not hedged (${notHedged})` : '';
      rows.push({ label, segments: segmentsOf(attempt), text: textOf(attempt, alone) });
    }
  }
  rows.push(own('merge', totalUs - mergeUs, mergeUs));
  return rows;
}

function own(label: string, fromUs: number, us: number): Row {
  return { label, segments: [{ part: 'own', fromUs, us }], text: milliseconds(us) };
}

/** How long the way there and the way back took isn't told apart: half each. */
function segmentsOf(attempt: ExplainedAttemptJson): Row['segments'] {
  const { outcome, startedUs = 0, tookUs = 0, queueUs = 0, serviceUs = 0, heldUs = 0, wireUs = 0 } = attempt;
  if (outcome !== 'ANSWERED') return [{ part: 'lost', fromUs: startedUs, us: tookUs }];
  if (queueUs + serviceUs + heldUs === 0) return [{ part: 'unknown', fromUs: startedUs, us: tookUs }];
  let at = startedUs;
  const parts: [Part, number][] = [
    ['wire', wireUs / 2],
    ['queue', queueUs],
    ['service', serviceUs],
    ['held', heldUs],
    ['wire', wireUs / 2],
  ];
  return parts.map(([part, us]) => {
    const fromUs = at;
    at += us;
    return { part, fromUs, us };
  });
}

/** `alone`: why it was left alone though it was slow. */
function textOf(attempt: ExplainedAttemptJson, alone: string): string {
  const {
    outcome = '',
    tookUs = 0,
    detail = '',
    queueUs = 0,
    serviceUs = 0,
    heldUs = 0,
    wireUs = 0,
  } = attempt;
  const parts = [
    ['queue', queueUs],
    ['service', serviceUs],
    ['held', heldUs],
    ['wire', wireUs],
  ] as const;
  const told = parts.filter(([, us]) => us >= 50).map(([name, us]) => `${name} ${milliseconds(us)}`);
  const took = milliseconds(tookUs);
  if (outcome !== 'ANSWERED') {
    const became = outcome.toLowerCase().replace('_', ' ');
    const parted = told.length === 0 ? '' : ` (${told.join(', ')})`;
    // How it failed comes first, as what doesn't fit is cut.
    return `${took} ${became}${alone}${detail === '' ? '' : `: ${detail}`}${parted}`;
  }
  return `${took}${alone}${told.length === 0 ? '' : `: ${told.join(', ')}`}`;
}

/** Every segment with a length has a mark, so that what took long is never hidden by rounding; later ones overwrite. */
function drawn(segments: Row['segments'], totalUs: number, width: number, colour: boolean): string {
  const cells: (Part | undefined)[] = new Array(width).fill(undefined);
  const cellOf = (us: number): number =>
    Math.min(width - 1, Math.max(0, Math.floor((us / Math.max(1, totalUs)) * width)));
  // Short ones last.
  const order = [...segments].filter(({ us }) => us > 0).sort((a, b) => b.us - a.us);
  for (const { part, fromUs, us } of order) {
    const from = cellOf(fromUs);
    const to = Math.max(from, Math.ceil(((fromUs + us) / Math.max(1, totalUs)) * width) - 1);
    for (let i = from; i <= Math.min(width - 1, to); i++) cells[i] = part;
  }
  let text = '';
  for (let i = 0; i < width; ) {
    const part = cells[i];
    let next = i;
    while (next < width && cells[next] === part) next++;
    const run = (part === undefined ? ' ' : marks[part]).repeat(next - i);
    text += colour && part !== undefined ? `\u001b[${colours[part]}m${run}\u001b[0m` : run;
    i = next;
  }
  return text;
}

const names: Record<Part, string> = {
  service: 'service',
  queue: 'queue',
  wire: 'network and event loops',
  held: 'waiting for others of its call',
  unknown: 'answered (the worker does not tell more)',
  lost: 'no answer of use',
  own: 'the root',
};

function legend(used: ReadonlySet<Part>): string {
  return (Object.keys(names) as Part[])
    .filter((part) => used.has(part))
    .map((part) => `${marks[part]} ${names[part]}`)
    .join('   ');
}

function cut(text: string, room: number): string {
  return text.length <= room ? text : `${text.slice(0, room - 1)}…`;
}

function milliseconds(us: number): string {
  const ms = us / 1000;
  return `${ms >= 100 ? ms.toFixed(0) : ms >= 10 ? ms.toFixed(1) : ms.toFixed(2)} ms`;
}
