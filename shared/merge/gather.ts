/** The Merger: stages partials, combines them at workers and merges them at the root. */
import { RegatherError } from '../errors/errors.ts';
import { MergeRun } from '../reducers/reducer.ts';
import { WireFault } from '../wire/fault.ts';
import { asBuffer, MAX_DEPTH, skipValue, tagEnd, varintLow } from '../wire/reader.ts';
import { Writer } from '../wire/writer.ts';
import { DROPPED, type MessageCode } from './code.ts';
import type { Combined, MergeContext, Merged, Merger, Part } from './merger.ts';
import { mergeFree, mergeMessage } from './message.ts';
import { Scan, Sources, scanMessage } from './scan.ts';

/** A scanned part. Of a single shard's, one scan is both. */
class StagedPart implements Part {
  readonly shards: readonly number[];
  readonly free: Scan;
  readonly ordered: readonly Scan[];

  constructor(shards: readonly number[], free: Scan, ordered: readonly Scan[] | undefined) {
    this.shards = shards;
    this.free = free;
    this.ordered = ordered ?? [free];
  }
}

export class Gather implements Merger {
  readonly #code: MessageCode;
  readonly #hasOrdered: boolean;
  readonly #out = new Writer(4096);

  constructor(code: MessageCode) {
    this.#code = code;
    this.#hasOrdered = code.fields.some((field) => !field.free && field.scanAs !== DROPPED);
  }

  stage(shards: readonly number[], data: Uint8Array, segmentBytes: readonly number[]): Part {
    const bytes = asBuffer(data);
    try {
      if (shards.length === 1) {
        const scan = new Scan(this.#code, bytes, shards[0]!);
        scanMessage(scan, 0, bytes.length, MAX_DEPTH);
        return new StagedPart(shards, scan, undefined);
      }
      return this.#stageCombined(shards, bytes, segmentBytes);
    } catch (thrown) {
      if (!(thrown instanceof WireFault)) throw thrown;
      const subject =
        shards.length === 1
          ? `the partial of shard ${shards[0]}`
          : `the partial of shards ${shards.join(', ')}`;
      throw thrown.toError('PARTIAL_MALFORMED', subject, shards);
    }
  }

  #stageCombined(shards: readonly number[], bytes: Buffer, segmentBytes: readonly number[]): StagedPart {
    const { name } = this.#code.shape;
    let segments = 0;
    for (const length of segmentBytes) segments += length;
    if ((segmentBytes.length !== 0 && segmentBytes.length !== shards.length) || segments > bytes.length) {
      throw new WireFault(
        `${segmentBytes.length} segments of ${segments} bytes for ${shards.length} shards in ${bytes.length} bytes`,
        name,
        0,
      );
    }
    let pos = bytes.length - segments;
    const free = new Scan(this.#code, bytes, shards[0]!);
    scanMessage(free, 0, pos, MAX_DEPTH);
    this.#expectOnly(free, true, 0);
    const ordered = new Array<Scan>(segmentBytes.length);
    for (let i = 0; i < segmentBytes.length; i++) {
      const scan = new Scan(this.#code, bytes, shards[i]!);
      const end = pos + segmentBytes[i]!;
      scanMessage(scan, pos, end, MAX_DEPTH);
      this.#expectOnly(scan, false, pos);
      ordered[i] = scan;
      pos = end;
    }
    return new StagedPart(shards, free, ordered);
  }

  /** Free fields come merged and ordered ones in segments; anything else was combined by other rules than ours. */
  #expectOnly(scan: Scan, free: boolean, offset: number): void {
    for (const field of this.#code.fields) {
      if (scan.at[field.slot] === 0 || field.free === free || field.scanAs === DROPPED) continue;
      throw new WireFault(
        free ? 'an ordered field that was combined over shards' : 'a free field in the segment of a shard',
        field.name,
        offset,
      );
    }
  }

  combine(
    partials: readonly { readonly shard: number; readonly payload: Uint8Array }[],
    context: MergeContext,
  ): Combined | undefined {
    const sorted = [...partials].sort((a, b) => a.shard - b.shard);
    const out = this.#out;
    out.reset();
    try {
      const scans = sorted.map(({ shard, payload }) => (this.stage([shard], payload, []) as StagedPart).free);
      const run = new MergeRun(context.final ? { ...context, final: false } : context);
      mergeFree(this.#code, new Sources(scans, scans), out, run);
    } catch (thrown) {
      // A sum that overflows here may fit in the end, and a disagreement has shards to name: the root sees to both.
      const code = thrown instanceof RegatherError ? thrown.code : undefined;
      if (code === 'MERGE_OUT_OF_RANGE' || code === 'MERGE_DISAGREEMENT') return undefined;
      throw thrown;
    }
    const segmentBytes: number[] = [];
    if (this.#hasOrdered) {
      for (const { payload } of sorted) {
        const before = out.pos;
        this.#copyOrdered(asBuffer(payload), out);
        segmentBytes.push(out.pos - before);
      }
    }
    return { data: out.finish(), segmentBytes };
  }

  /** A shard's ordered fields as they stand. */
  #copyOrdered(bytes: Buffer, out: Writer): void {
    const { fields } = this.#code;
    let from = 0;
    let pos = 0;
    while (pos < bytes.length) {
      const tag = varintLow(bytes, pos);
      const next = skipValue(bytes, tagEnd(bytes, pos, bytes.length), bytes.length, tag);
      const slot = this.#code.slotOf(tag >>> 3);
      const wanted = slot >= 0 && !fields[slot]!.free && fields[slot]!.scanAs !== DROPPED;
      if (!wanted) {
        if (pos > from) out.copy(bytes, from, pos);
        from = next;
      }
      pos = next;
    }
    if (pos > from) out.copy(bytes, from, pos);
  }

  merge(parts: readonly Part[], context: MergeContext): Merged {
    const staged = parts as readonly StagedPart[];
    const free: Scan[] = [];
    let ordered: Scan[] = free;
    const run = new MergeRun(context);
    for (let i = 0; i < staged.length; i++) {
      const part = staged[i]!;
      if (part.shards.length > 1) {
        if (ordered === free) ordered = free.slice();
        run.unknownFields += part.free.unknownFields;
        for (const scan of part.ordered) ordered.push(scan);
      } else if (ordered !== free) ordered.push(part.free);
      free.push(part.free);
    }
    sortByShard(free);
    if (ordered !== free) sortByShard(ordered);
    const out = this.#out;
    out.reset();
    mergeMessage(this.#code, new Sources(free, ordered), out, run);
    return { payload: out.finish(), unknownFields: run.unknownFields };
  }
}

/** Above this an insertion sort, which allocates nothing, is slower than the engine's. */
const FEW_SCANS = 64;

function sortByShard(scans: Scan[]): void {
  if (scans.length > FEW_SCANS) {
    scans.sort((a, b) => a.shard - b.shard);
    return;
  }
  for (let i = 1; i < scans.length; i++) {
    const scan = scans[i]!;
    let at = i;
    while (at > 0 && scans[at - 1]!.shard > scan.shard) {
      scans[at] = scans[at - 1]!;
      at--;
    }
    scans[at] = scan;
  }
}
