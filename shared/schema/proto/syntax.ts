/** What the parser knows of a .proto beyond its descriptors: options not yet understood, and lines. */
import type { FileDesc } from '../descriptor/messages.ts';

/** A part of an option's name: `(regather.v1.merge)` or `top`. */
export interface NamePart {
  readonly text: string;
  readonly extension: boolean;
}

export type Value =
  | { readonly kind: 'identifier'; readonly text: string; readonly negative: boolean; readonly line: number }
  | { readonly kind: 'integer'; readonly value: bigint; readonly line: number }
  | { readonly kind: 'float'; readonly value: number; readonly line: number }
  /** `text` has one character (0–255) per byte. */
  | { readonly kind: 'string'; readonly text: string; readonly line: number }
  | { readonly kind: 'message'; readonly entries: readonly Entry[]; readonly line: number }
  | { readonly kind: 'list'; readonly items: readonly Value[]; readonly line: number };

/** `name: value` within an aggregate. */
export interface Entry {
  /** `top`, `[acme.ext]` without the brackets, or `[type.googleapis.com/acme.Type]`. */
  readonly name: NamePart;
  readonly colon: boolean;
  readonly value: Value;
  readonly line: number;
}

export interface RawOption {
  readonly name: readonly NamePart[];
  readonly value: Value;
  readonly line: number;
}

export interface Meta {
  readonly line: number;
  readonly options: RawOption[];
}

export interface ParsedFile {
  readonly desc: FileDesc;
  /** The path it was read from, for people. */
  readonly path: string;
  /** By descriptor object: the file, messages, fields, oneofs, enums, values, services, methods and extension ranges. */
  readonly meta: ReadonlyMap<object, Meta>;
  /** Line of each import statement, by file name. */
  readonly imports: ReadonlyMap<string, number>;
}

/** As it is written in a .proto: `(regather.v1.merge).top`. */
export function nameText(parts: readonly NamePart[]): string {
  return parts.map((part) => (part.extension ? `(${part.text})` : part.text)).join('.');
}
