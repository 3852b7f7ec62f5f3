import { concat, delimited, tag, varint } from '../descriptor/codec.ts';
import { type FieldDesc, label, type MessageDesc, type TypeName, typeNames } from '../descriptor/messages.ts';
import { optionNumber, varintOption } from '../descriptor/standard-options.ts';
import type { NamedSymbol } from '../descriptor/symbols.ts';
import { didYouMean } from '../suggest.ts';
import { messageRecord, scalarBytes, valueText, wireType } from './scalar-value.ts';
import type { Scope } from './scope.ts';
import type { Entry, Value } from './syntax.ts';

export type MessageSymbol = Extract<NamedSymbol, { kind: 'message' }>;

/** What has been set so far within one message, over all option statements of an element. */
export class SetFields {
  readonly fields = new Map<string, SetFields>();
  /** By index of the oneof. */
  readonly members = new Map<number, string>();
}

export class OptionError extends Error {
  readonly line: number;

  constructor(message: string, line: number) {
    super(message);
    this.line = line;
  }
}

/** Encodes values of options: scalars, enums, and messages in text format. Throws OptionError. */
export class ValueEncoder {
  readonly #scope: Scope;
  readonly #builtin: Scope;

  /** `builtin` has descriptor.proto, for files that don't import it. */
  constructor(scope: Scope, builtin: Scope) {
    this.#scope = scope;
    this.#builtin = builtin;
  }

  #lookup(fullName: string): NamedSymbol | undefined {
    const name = fullName.startsWith('.') ? fullName.slice(1) : fullName;
    return this.#scope.get(name) ?? this.#builtin.get(name);
  }

  message(fullName: string): MessageSymbol | undefined {
    const symbol = this.#lookup(fullName);
    return symbol?.kind === 'message' ? symbol : undefined;
  }

  /** One field with its tag: one item of a repeated one. `text`: within an aggregate. */
  record(field: FieldDesc, value: Value, child: SetFields, name: string, text: boolean): Uint8Array {
    const type = typeNames.get(field.type)!;
    if (type === 'message' || type === 'group') {
      if (value.kind !== 'message') {
        throw new OptionError(`"${name}" is a message: expected { … }, got ${valueText(value)}.`, value.line);
      }
      const message = this.message(field.typeName!)!;
      return messageRecord(
        field.number,
        type,
        this.#aggregate(message, value.entries, child, name, value.line),
      );
    }
    return concat([tag(field.number, wireType(type)), this.#scalar(field, type, value, name, text).bytes]);
  }

  #scalar(
    field: FieldDesc,
    type: TypeName,
    value: Value,
    name: string,
    text: boolean,
  ): { bytes: Uint8Array; zero: boolean } {
    if (type !== 'enum') {
      const scalar = scalarBytes(type, value, text);
      if (typeof scalar !== 'string') return scalar;
      throw new OptionError(
        `"${name}" is of type ${type}: expected ${scalar}, got ${valueText(value)}.`,
        value.line,
      );
    }
    const symbol = this.#lookup(field.typeName!);
    if (symbol?.kind !== 'enum') throw new OptionError(`The type of "${name}" isn't known.`, value.line);
    const names = symbol.desc.value.map((candidate) => candidate.name);
    let number: number | undefined;
    if (value.kind === 'identifier' && !value.negative) {
      number = symbol.desc.value.find((candidate) => candidate.name === value.text)?.number;
      if (number === undefined) {
        const hint = didYouMean(value.text, names) || ` It has ${names.join(', ')}.`;
        throw new OptionError(
          `Enum ${symbol.name} has no value "${value.text}", given for "${name}".${hint}`,
          value.line,
        );
      }
    } else if (text && value.kind === 'integer') {
      const open = symbol.file.syntax === 'proto3' && value.value >= -(2n ** 31n) && value.value < 2n ** 31n;
      const known = symbol.desc.value.some((candidate) => BigInt(candidate.number) === value.value);
      if (open || known) number = Number(value.value);
    }
    if (number === undefined) {
      throw new OptionError(
        `"${name}" is an enum: expected one of ${names.join(', ')}, got ${valueText(value)}.`,
        value.line,
      );
    }
    return { bytes: varint(BigInt(number)), zero: number === 0 };
  }

  /** A message in text format. Fields are written by number, as protobuf serializes them. */
  #aggregate(
    message: MessageSymbol,
    entries: readonly Entry[],
    state: SetFields,
    name: string,
    line: number,
  ): Uint8Array {
    const records: { number: number; bytes: Uint8Array }[] = [];
    const packed = new Map<number, Uint8Array[]>();
    for (const entry of entries) {
      if (entry.name.extension && entry.name.text.includes('/')) {
        records.push({ number: 1, bytes: this.#any(message, entry, name) });
        continue;
      }
      const field = this.#entryField(message, entry, name);
      const type = typeNames.get(field.type)!;
      const full = `${name}.${entry.name.extension ? `[${entry.name.text}]` : entry.name.text}`;
      const nested = type === 'message' || type === 'group';
      if (!entry.colon && !nested) throw new OptionError(`Expected ":" after "${full}".`, entry.line);
      const list = entry.value.kind === 'list';
      if (list && field.label !== label.repeated) {
        throw new OptionError(`"${full}" isn't repeated and takes no list.`, entry.line);
      }
      for (const value of entry.value.kind === 'list' ? entry.value.items : [entry.value]) {
        const child = enter(state, message.desc, field, full, true, entry.line);
        if (nested)
          records.push({ number: field.number, bytes: this.record(field, value, child, full, true) });
        else {
          const scalar = this.#scalar(field, type, value, full, true);
          if (scalar.zero && isImplicit(field, message)) continue;
          if (isPacked(field, type, message)) {
            const values = packed.get(field.number);
            if (values === undefined) packed.set(field.number, [scalar.bytes]);
            else values.push(scalar.bytes);
          } else
            records.push({
              number: field.number,
              bytes: concat([tag(field.number, wireType(type)), scalar.bytes]),
            });
        }
      }
    }
    for (const [number, values] of packed) records.push({ number, bytes: delimited(number, concat(values)) });
    for (const field of message.desc.field) {
      if (field.label === label.required && !state.fields.has(field.name)) {
        throw new OptionError(`"${name}" lacks the required field "${field.name}".`, line);
      }
    }
    records.sort((a, b) => a.number - b.number);
    return concat(records.map(({ bytes }) => bytes));
  }

  #entryField(message: MessageSymbol, { name, line }: Entry, inside: string): FieldDesc {
    if (name.extension) {
      const symbol =
        this.#scope.resolve(name.text, message.name, message.file) ??
        this.#scope.get(name.text.replace(/^\./, ''));
      if (symbol?.kind === 'field' && symbol.desc.extendee === `.${message.name}`) return symbol.desc;
      throw new OptionError(`"${inside}": ${message.name} has no extension "[${name.text}]".`, line);
    }
    // Text format names a group by its type.
    const group = message.desc.field.find(
      (field) => typeNames.get(field.type) === 'group' && field.typeName?.endsWith(`.${name.text}`) === true,
    );
    const field = group ?? message.desc.field.find((candidate) => candidate.name === name.text);
    if (field !== undefined) return field;
    const names = message.desc.field.map((candidate) => candidate.name);
    const hint =
      didYouMean(name.text, names) || (names.length === 0 ? ' It has none.' : ` It has ${names.join(', ')}.`);
    throw new OptionError(`"${inside}": ${message.name} has no field "${name.text}".${hint}`, line);
  }

  /** `[type.googleapis.com/acme.Type] { … }` */
  #any(message: MessageSymbol, entry: Entry, name: string): Uint8Array {
    const url = entry.name.text;
    const type = this.message(url.slice(url.lastIndexOf('/') + 1));
    if (message.name !== 'google.protobuf.Any') {
      throw new OptionError(`"${name}" isn't a google.protobuf.Any: it takes no "[${url}]".`, entry.line);
    }
    if (type === undefined) throw new OptionError(`"[${url}]" in "${name}" names no message.`, entry.line);
    if (entry.value.kind !== 'message') throw new OptionError(`Expected { … } after "[${url}]".`, entry.line);
    const value = this.#aggregate(type, entry.value.entries, new SetFields(), `${name}.[${url}]`, entry.line);
    return concat([delimited(1, Buffer.from(url, 'utf8')), delimited(2, value)]);
  }
}

/** Notes that `field` is set. `whole`: by this very statement, so that it must not have been set before. */
export function enter(
  state: SetFields,
  container: MessageDesc,
  field: FieldDesc,
  text: string,
  whole: boolean,
  line: number,
): SetFields {
  const key = field.extendee === undefined ? field.name : `(${field.extendee} ${field.number})`;
  const repeated = field.label === label.repeated;
  const before = state.fields.get(key);
  if (whole && before !== undefined && !repeated) throw new OptionError(`"${text}" is set twice.`, line);
  if (field.oneofIndex !== undefined && field.extendee === undefined) {
    const other = state.members.get(field.oneofIndex);
    if (other !== undefined && other !== field.name) {
      const oneof = container.oneofDecl[field.oneofIndex]?.name;
      throw new OptionError(
        `"${text}" is set along with "${other}": only one member of oneof "${oneof}" may be.`,
        line,
      );
    }
    state.members.set(field.oneofIndex, field.name);
  }
  if (before !== undefined && !repeated) return before;
  const child = new SetFields();
  state.fields.set(key, child);
  return child;
}

function isImplicit(field: FieldDesc, message: MessageSymbol): boolean {
  return (
    message.file.syntax === 'proto3' &&
    field.label === label.optional &&
    field.oneofIndex === undefined &&
    field.extendee === undefined &&
    varintOption(message.desc.options, optionNumber.mapEntry) !== 1
  );
}

/** FieldOptions.packed of a field whose options may be interpreted already; proto3 packs by default. */
function isPacked(field: FieldDesc, type: TypeName, message: MessageSymbol): boolean {
  if (field.label !== label.repeated || type === 'string' || type === 'bytes') return false;
  const packed = varintOption(field.options, optionNumber.packed);
  return packed === undefined ? message.file.syntax === 'proto3' : packed === 1;
}
