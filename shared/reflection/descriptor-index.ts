/**
 * Finds a file of a FileDescriptorSet by its name, by a symbol in it or by an extension that it declares, and gives the file's
 * bytes back as they were: with their options, imports and names. (protobufjs and @grpc/reflection re-encode them without the custom
 * options, which breaks every client that links the files.) Field numbers are those of google/protobuf/descriptor.proto.
 */
import { RegatherError } from '../errors/errors.ts';

export interface IndexedFile {
  readonly name: string;
  readonly dependencies: readonly string[];
  /** The serialized FileDescriptorProto: a view into the set. */
  readonly bytes: Buffer;
}

export class DescriptorIndex {
  readonly #files = new Map<string, IndexedFile>();
  readonly #symbols = new Map<string, IndexedFile>();
  /** "message full name" → extension number → file. */
  readonly #extensions = new Map<string, Map<number, IndexedFile>>();

  constructor(descriptorSet: Uint8Array) {
    const set = Buffer.from(descriptorSet.buffer, descriptorSet.byteOffset, descriptorSet.byteLength);
    for (const field of fields(set)) if (field.number === 1) this.#addFile(field.bytes);
  }

  file(name: string): IndexedFile | undefined {
    return this.#files.get(name);
  }

  /** Services, methods, messages, fields, oneofs, enums, enum values and extensions, by full name without a leading dot. */
  symbol(name: string): IndexedFile | undefined {
    return this.#symbols.get(name);
  }

  extension(message: string, number: number): IndexedFile | undefined {
    return this.#extensions.get(message)?.get(number);
  }

  /** Ascending; undefined if there is no such message. */
  extensionNumbers(message: string): readonly number[] | undefined {
    const known = this.#extensions.get(message);
    if (known === undefined) return this.#symbols.has(message) ? [] : undefined;
    return [...known.keys()].sort((a, b) => a - b);
  }

  /** The file and everything it imports, each once, importers before what they import. */
  closure(file: IndexedFile): IndexedFile[] {
    const found = new Set<IndexedFile>([file]);
    for (const one of found) {
      for (const name of one.dependencies) {
        const dependency = this.#files.get(name);
        if (dependency !== undefined) found.add(dependency);
      }
    }
    return [...found];
  }

  #addFile(bytes: Buffer): void {
    let name = '';
    let pkg = '';
    const dependencies: string[] = [];
    for (const field of fields(bytes)) {
      if (field.number === 1) name = field.bytes.toString();
      else if (field.number === 2) pkg = field.bytes.toString();
      else if (field.number === 3) dependencies.push(field.bytes.toString());
    }
    const file: IndexedFile = { name, dependencies, bytes };
    this.#files.set(name, file);
    for (const field of fields(bytes)) {
      if (field.number === 4) this.#addMessage(field.bytes, pkg, file);
      else if (field.number === 5) this.#addEnum(field.bytes, pkg, file);
      else if (field.number === 6) this.#addNamed(field.bytes, pkg, file, 2);
      else if (field.number === 7) this.#addExtension(field.bytes, pkg, file);
    }
  }

  #addMessage(bytes: Buffer, scope: string, file: IndexedFile): void {
    const full = this.#addNamed(bytes, scope, file, 2);
    for (const field of fields(bytes)) {
      if (field.number === 3) this.#addMessage(field.bytes, full, file);
      else if (field.number === 4) this.#addEnum(field.bytes, full, file);
      else if (field.number === 6) this.#addExtension(field.bytes, full, file);
      else if (field.number === 8) this.#addNamed(field.bytes, full, file, -1);
    }
  }

  /** Enum values are siblings of their enum, as in C++. */
  #addEnum(bytes: Buffer, scope: string, file: IndexedFile): void {
    this.#addNamed(bytes, scope, file, -1);
    for (const field of fields(bytes)) if (field.number === 2) this.#addNamed(field.bytes, scope, file, -1);
  }

  /** Registers what is named by field 1, and the members named by field 1 of field `members`. Returns the full name. */
  #addNamed(bytes: Buffer, scope: string, file: IndexedFile, members: number): string {
    let full = '';
    for (const field of fields(bytes)) if (field.number === 1) full = join(scope, field.bytes.toString());
    this.#symbols.set(full, file);
    for (const field of fields(bytes))
      if (field.number === members) this.#addNamed(field.bytes, full, file, -1);
    return full;
  }

  #addExtension(bytes: Buffer, scope: string, file: IndexedFile): void {
    this.#addNamed(bytes, scope, file, -1);
    let extendee = '';
    let number = 0;
    for (const field of fields(bytes)) {
      if (field.number === 2) extendee = field.bytes.toString().replace(/^\./, '');
      else if (field.number === 3) number = field.value;
    }
    let known = this.#extensions.get(extendee);
    if (known === undefined) {
      known = new Map();
      this.#extensions.set(extendee, known);
    }
    known.set(number, file);
  }
}

function join(scope: string, name: string): string {
  return scope === '' ? name : `${scope}.${name}`;
}

interface WireField {
  readonly number: number;
  /** Of a varint. */
  readonly value: number;
  /** Of a length-delimited field; empty otherwise. */
  readonly bytes: Buffer;
}

const none = Buffer.alloc(0);

function* fields(bytes: Buffer): Generator<WireField> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; at < bytes.length; scale *= 128) {
      const byte = bytes[at++]!;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    throw broken(at);
  };
  while (at < bytes.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    const wireType = tag % 8;
    if (wireType === 0) yield { number, value: varint(), bytes: none };
    else if (wireType === 2) {
      const length = varint();
      if (length > bytes.length - at) throw broken(at);
      yield { number, value: 0, bytes: bytes.subarray(at, at + length) };
      at += length;
    } else if (wireType === 1) at += 8;
    else if (wireType === 5) at += 4;
    else throw broken(at);
  }
}

function broken(offset: number): RegatherError {
  return new RegatherError(
    'PROTO_INVALID',
    `Expected a FileDescriptorSet, got bytes that do not decode at ${offset}`,
  );
}
