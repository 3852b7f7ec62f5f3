/** Merges messages field by field. */
import { RegatherError } from '../errors/errors.ts';
import type { MergeRun } from '../reducers/reducer.ts';
import { MAX_DEPTH } from '../wire/reader.ts';
import type { Writer } from '../wire/writer.ts';
import type { MessageCode } from './code.ts';
import { Scan, Sources, scanMessage } from './scan.ts';

/** Writes the body of the merged message: its fields by ascending number. */
export function mergeMessage(code: MessageCode, sources: Sources, out: Writer, run: MergeRun): void {
  const { fields, oneofs } = code;
  const chosen = oneofs.length === 0 ? undefined : chooseMembers(code, sources);
  const skipInternal = run.final && !run.keepInternal;
  for (let slot = 0; slot < fields.length; slot++) {
    const field = fields[slot]!;
    if (skipInternal && field.merge.internal) continue;
    if (field.oneof >= 0 && chosen![field.oneof] !== slot) continue;
    field.reducer.reduce(sources, out, run);
  }
  for (const scan of sources.ordered) run.unknownFields += scan.unknownFields;
}

/** Only the free fields: the part of a combined partial that is one for all its shards. */
export function mergeFree(code: MessageCode, sources: Sources, out: Writer, run: MergeRun): void {
  for (const field of code.fields) if (field.free) field.reducer.reduce(sources, out, run);
}

/** Per oneof: the slot of the member that the sources agree on, or -1. Members are ordered fields. */
function chooseMembers(code: MessageCode, sources: Sources): number[] {
  const chosen = new Array<number>(code.oneofs.length).fill(-1);
  for (let oneof = 0; oneof < chosen.length; oneof++) {
    const { allFirst, name } = code.oneofs[oneof]!;
    let shard = -1;
    for (const scan of sources.ordered) {
      if (scan.members === undefined) continue;
      const slot = scan.members[oneof]! - 1;
      if (slot < 0 || slot === chosen[oneof]) continue;
      if (chosen[oneof] === -1) {
        chosen[oneof] = slot;
        shard = scan.shard;
        if (allFirst) break;
        continue;
      }
      const field = `${code.shape.name}.${name}`;
      const [a, b] = [code.fields[chosen[oneof]!]!.field.name, code.fields[slot]!.field.name];
      throw new RegatherError(
        'MERGE_DISAGREEMENT',
        `Expected all shards to set the same member of the oneof ${field}, got ${a} from shard ${shard} and ${b} from shard ${scan.shard}`,
        { field, shards: [shard, scan.shard] },
      );
    }
  }
  return chosen;
}

/** Scans a message that was found valid before. */
export function scanItem(code: MessageCode, bytes: Buffer, start: number, end: number, shard: number): Scan {
  const scan = new Scan(code, bytes, shard);
  scanMessage(scan, start, end, MAX_DEPTH);
  return scan;
}

export function sourcesOf(scans: readonly Scan[]): Sources {
  return new Sources(scans, scans);
}
