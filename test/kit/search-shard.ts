/** One shard of the suites' search service: data that follows from its number, and the faults that a request asks for. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Call, Handler, StreamHandler } from '../../shard/handlers.ts';

export interface Hit {
  id: string;
  score: number;
  title: string;
}
export interface TopKRequest {
  text: string;
  limit: number;
  offset: number;
  fault: string;
}
export interface TopKResponse {
  hits?: Hit[];
  total?: string | number;
  weight?: number;
  best?: string | number;
  seen?: string[];
}
export interface Document {
  id: string;
  shard: number;
  body: string;
}

export interface SearchHandlers {
  TopK: Handler<TopKRequest, TopKResponse>;
  Some: Handler<TopKRequest, TopKResponse>;
  Count: Handler<TopKRequest, TopKResponse>;
  Get: Handler<{ id: string; fault: string }, Document>;
  GetMany: Handler<{ ids: string[]; fault: string }, { documents: Document[] }>;
  Info: Handler<{ fault: string }, Document>;
  List: StreamHandler<{ perShard: number; bodyBytes: number; fault: string }, Document>;
  ListSome: StreamHandler<{ perShard: number; bodyBytes: number; fault: string }, Document>;
}

/** What this process did, for tests that ask: started, aborted and finished handler runs. */
export const counts = { started: 0, aborted: 0, finished: 0 };

export const HITS_PER_SHARD = 20;

/** Scores repeat within and across shards, so that ties are common. */
export function hitsOf(shard: number): Hit[] {
  return Array.from({ length: HITS_PER_SHARD }, (_, i) => ({
    id: `s${shard}-${String(i).padStart(2, '0')}`,
    score: ((i * 7 + shard * 3) % 11) / 4,
    title: `Hit ${i} of shard ${shard}`,
  }));
}

/** Opened when the test says so: until then tasks with the fault `hold` run. */
export const held = Promise.withResolvers<void>();

/** Of the faults in `spec` ("sleep:500@3;fail:5@0,2"), those for this shard. */
async function suffer(spec: string, shard: number, call: Call): Promise<Uint8Array | undefined> {
  if (spec === '') return undefined;
  for (const one of spec.split(';')) {
    const [what = '', where = '*'] = one.split('@');
    if (where !== '*' && !where.split(',').map(Number).includes(shard)) continue;
    const [kind, value = ''] = what.split(':');
    switch (kind) {
      case 'sleep':
        await sleep(Number(value), undefined, { signal: call.signal });
        break;
      case 'hang':
        await aborted(call.signal);
        break;
      case 'hold':
        await Promise.race([held.promise, aborted(call.signal)]);
        break;
      case 'fail':
        throw Object.assign(new Error(`shard ${shard} was told to fail`), { code: Number(value) });
      case 'throw':
        throw new TypeError(`shard ${shard} has a defect`);
      case 'garbage':
        return Buffer.from([0x0a, 0xff, 0xff, 0x01]);
      case 'huge':
        return Buffer.concat([
          Buffer.from([0x2a, ...varint(Number(value))]),
          Buffer.alloc(Number(value), 'x'),
        ]);
      case 'exit':
        process.kill(process.pid, 'SIGKILL');
        break;
      default:
        throw new RangeError(`unknown fault ${one}`);
    }
  }
  return undefined;
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (; value > 127; value >>>= 7) bytes.push((value & 127) | 128);
  bytes.push(value);
  return bytes;
}

async function counted<T>(call: Call, run: () => Promise<T>): Promise<T> {
  counts.started++;
  try {
    return await run();
  } catch (error) {
    if (call.signal.aborted) counts.aborted++;
    throw error;
  } finally {
    counts.finished++;
  }
}

export function openSearchShard(index: number): SearchHandlers {
  const hits = hitsOf(index);
  const topK: SearchHandlers['TopK'] = (request, call) =>
    counted(call, async () => {
      const raw = await suffer(request.fault, index, call);
      if (raw !== undefined) return raw;
      const limit = request.limit === 0 ? hits.length : request.limit;
      // Unsorted on purpose: partials need not arrive in order.
      const best = [...hits]
        .sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1))
        .slice(0, limit)
        .reverse();
      return {
        hits: best,
        total: hits.length,
        weight: 0.1 * (index + 1),
        best: index,
        seen: [`shard ${index}: ${request.text}`],
      };
    });
  const document = (id: string): Document => ({ id, shard: index, body: `body of ${id}` });
  async function* list(
    request: { perShard: number; bodyBytes: number; fault: string },
    call: Call,
  ): AsyncGenerator<Document | Uint8Array> {
    counts.started++;
    const body = 'b'.repeat(request.bodyBytes);
    const [first = '', ...rest] = request.fault.split('/');
    try {
      const raw = await suffer(first, index, call);
      if (raw !== undefined) yield raw;
      for (let i = 0; i < request.perShard; i++) {
        if (i === 1 && rest.length > 0) await suffer(rest.join('/'), index, call);
        yield { id: `s${index}-${i}`, shard: index, body };
      }
    } finally {
      if (call.signal.aborted) counts.aborted++;
      counts.finished++;
    }
  }
  return {
    TopK: topK,
    Some: topK,
    Count: topK,
    Get: (request, call) =>
      counted(call, async () => {
        const raw = await suffer(request.fault, index, call);
        if (raw !== undefined) return raw;
        if (request.id.startsWith('missing')) {
          throw Object.assign(new Error(`no document ${request.id}`), { code: 5 });
        }
        return document(request.id);
      }),
    GetMany: (request, call) =>
      counted(call, async () => {
        const raw = await suffer(request.fault, index, call);
        if (raw !== undefined) return raw;
        return {
          documents: request.ids
            .filter((id) => !id.startsWith('missing'))
            .map(document)
            .reverse(),
        };
      }),
    Info: (request, call) =>
      counted(call, async () => {
        const raw = await suffer(request.fault, index, call);
        if (raw !== undefined) return raw;
        const metadata = call.metadata.map(([key, value]) => [key, value.toString()]);
        return { ...document('info'), body: JSON.stringify(Object.fromEntries(metadata)) };
      }),
    List: list,
    ListSome: list,
  };
}
