import { readFileSync } from 'node:fs';
import { RegatherError } from '../errors/errors.ts';
import { concat, decode, delimited, encode, records, WireError } from './descriptor/codec.ts';
import { type FileDesc, fileTable } from './descriptor/messages.ts';
import { sourceLines } from './descriptor/places.ts';
import { symbolsOf } from './descriptor/symbols.ts';
import { defectOf } from './descriptor/verify.ts';
import type { Place } from './plan.ts';
import { compileProto } from './proto/compile.ts';
import { Sources } from './proto/sources.ts';

/** A schema with all its imports: the single source for the plan, reflection and codecs. */
export interface Descriptors {
  /** A google.protobuf.FileDescriptorSet, dependencies first, with options. */
  readonly bytes: Uint8Array;
  readonly files: readonly FileDesc[];
  /** Names of the files that were asked for, as opposed to imported; empty: unknown (a descriptor set). */
  readonly main: readonly string[];
  /** Where a message, field, service or method stands; at least its file. */
  place(fullName: string): Place;
}

/**
 * `proto`: a .proto file; `includeDirs` is where its imports are, besides its own folder. `descriptor`: a file that
 * `protoc --include_imports --descriptor_set_out` or `buf build` made; with --include_source_info errors name lines.
 * `regather/v1/*.proto` and protobuf's well-known files are built in.
 */
export type DescriptorSource =
  | { readonly proto: string; readonly includeDirs?: readonly string[] }
  | { readonly descriptor: string };

/** Throws PROTO_INVALID naming file and line. */
export function loadDescriptors(source: DescriptorSource): Descriptors {
  if ('proto' in source) return fromProto(source.proto, source.includeDirs ?? []);
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(source.descriptor);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such file' : String(error);
    throw new RegatherError('PROTO_INVALID', `Can't read the descriptor set: ${reason}.`, {
      file: source.descriptor,
      cause: error,
    });
  }
  return readDescriptorSet(bytes, source.descriptor);
}

function fromProto(path: string, includeDirs: readonly string[]): Descriptors {
  const { files, parsed } = compileProto(new Sources(path, includeDirs));
  const places = new Map<string, Place>();
  for (const file of parsed) {
    for (const symbol of symbolsOf(file.desc)) {
      if (symbol.kind === 'package') continue;
      const line = file.meta.get(symbol.desc)?.line;
      places.set(symbol.name, { file: file.path, ...(line === undefined ? {} : { line }) });
    }
  }
  return {
    bytes: concat(files.map((file) => delimited(1, encode(fileTable, file)))),
    files,
    main: [parsed[parsed.length - 1]!.desc.name],
    place: (name) => places.get(name) ?? { file: path },
  };
}

/** Reads a serialized FileDescriptorSet; `path` is where it came from, for messages. Its files' bytes are kept as they are. */
export function readDescriptorSet(bytes: Uint8Array, path: string): Descriptors {
  const raw = new Map<string, { desc: FileDesc; bytes: Uint8Array; lines: ReadonlyMap<string, number> }>();
  try {
    for (const record of records(bytes)) {
      // Extensions of the set, which are none of a schema's business, have high numbers.
      if (record.number >= 1000) continue;
      if (record.number !== 1 || record.wireType !== 2) {
        throw new WireError(`field ${record.number} at byte ${record.start}`);
      }
      const desc = decode(fileTable, record.bytes);
      raw.set(desc.name, { desc, bytes: record.bytes, lines: sourceLines(desc) });
    }
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    const hint = path.endsWith('.proto') ? ' Is it a .proto? Then it goes by service.proto.' : '';
    throw new RegatherError('PROTO_INVALID', `Not a FileDescriptorSet: ${error.message}.${hint}`, {
      file: path,
      cause: error,
    });
  }
  if (raw.size === 0)
    throw new RegatherError('PROTO_INVALID', 'The descriptor set is empty.', { file: path });
  const files: FileDesc[] = [];
  const parts: Uint8Array[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const visit = (name: string, from: string | undefined): void => {
    if (state.get(name) === 'done') return;
    const file = raw.get(name);
    if (file === undefined) {
      throw new RegatherError(
        'PROTO_INVALID',
        `"${from}" imports "${name}", which the descriptor set lacks. Make it with --include_imports (protoc), or with buf build.`,
        { file: path, field: name },
      );
    }
    if (state.get(name) === 'open') {
      throw new RegatherError('PROTO_INVALID', `"${name}" imports itself, by way of "${from}".`, {
        file: path,
        field: name,
      });
    }
    state.set(name, 'open');
    for (const dependency of file.desc.dependency) visit(dependency, name);
    state.set(name, 'done');
    files.push(file.desc);
    parts.push(delimited(1, file.bytes));
  };
  for (const name of raw.keys()) visit(name, undefined);
  const defect = defectOf(files);
  if (defect !== undefined) {
    throw new RegatherError('PROTO_INVALID', `The descriptor set is damaged: ${defect}.`, { file: path });
  }
  const places = new Map<string, Place>();
  for (const file of files) {
    const { lines } = raw.get(file.name)!;
    for (const { kind, name } of symbolsOf(file)) {
      if (kind === 'package') continue;
      const line = lines.get(name);
      places.set(name, { file: file.name, ...(line === undefined ? {} : { line }) });
    }
  }
  return { bytes: concat(parts), files, main: [], place: (name) => places.get(name) ?? { file: path } };
}
