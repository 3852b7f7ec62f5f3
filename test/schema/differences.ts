import { decode, records } from '../../shared/schema/descriptor/codec.ts';
import { type FileDesc, fileTable } from '../../shared/schema/descriptor/messages.ts';

function files(set: Uint8Array): Map<string, { desc: FileDesc; bytes: Uint8Array }> {
  const all = new Map<string, { desc: FileDesc; bytes: Uint8Array }>();
  for (const record of records(set)) {
    const desc = decode(fileTable, record.bytes);
    all.set(desc.name, { desc, bytes: record.bytes });
  }
  return all;
}

/** Files and descriptors that differ between two descriptor sets, byte by byte; [] if they are the same files in the same order. */
export function differences(ours: Uint8Array, theirs: Uint8Array): string[] {
  const [here, there] = [files(ours), files(theirs)];
  if ([...here.keys()].join() !== [...there.keys()].join())
    return [`files: ${[...here.keys()]} / ${[...there.keys()]}`];
  const found: string[] = [];
  for (const [name, { desc, bytes }] of here) {
    const other = there.get(name)!;
    if (Buffer.compare(bytes, other.bytes) !== 0) found.push(...compare(desc, other.desc, name));
    if (Buffer.compare(bytes, other.bytes) !== 0 && found.length === 0)
      found.push(`${name}: bytes that no table names`);
  }
  return found;
}

function compare(a: unknown, b: unknown, path: string): string[] {
  if (a instanceof Uint8Array || b instanceof Uint8Array) {
    const [x, y] = [a, b].map((bytes) =>
      bytes instanceof Uint8Array ? Buffer.from(bytes).toString('hex') : String(bytes),
    );
    return x === y ? [] : [`${path}: ${x} / ${y}`];
  }
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) {
    return Object.is(a, b) ? [] : [`${path}: ${String(a)} / ${String(b)}`];
  }
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  const found: string[] = [];
  for (const key of keys) {
    const [x, y] = [(a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]];
    const named = (x ?? y) as { name?: string } | undefined;
    found.push(
      ...compare(x, y, `${path}/${typeof named === 'object' && named.name !== undefined ? named.name : key}`),
    );
  }
  return found;
}
