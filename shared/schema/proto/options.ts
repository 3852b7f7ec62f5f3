import { concat, delimited, tag, varint } from '../descriptor/codec.ts';
import { type FieldDesc, label, type MessageDesc, type TypeName, typeNames } from '../descriptor/messages.ts';
import { optionNumber, varintOption } from '../descriptor/standard-options.ts';
import type { NamedSymbol } from '../descriptor/symbols.ts';
import type { Problems } from '../problems.ts';
import { didYouMean } from '../suggest.ts';
import type { Element } from './elements.ts';
import { messageRecord, scalarBytes, valueText, wireType } from './scalar-value.ts';
import type { Scope } from './scope.ts';
import {
  type Entry,
  type NamePart,
  nameText,
  type ParsedFile,
  type RawOption,
  type Value,
} from './syntax.ts';

type MessageSymbol = Extract<NamedSymbol, { kind: 'message' }>;

/** What has been set so far within one message, over all option statements of an element. */
class SetFields {
  readonly fields = new Map<string, SetFields>();
  /** By index of the oneof. */
  readonly members = new Map<number, string>();
}

class OptionError extends Error {
  readonly line: number;

  constructor(message: string, line: number) {
    super(message);
    this.line = line;
  }
}

/**
 * Turns an element's raw options into the bytes of its options message, as protoc does: declared options by number, then extensions
 * in the order of the statements, one record for each statement. Unlike protoc it also refuses two statements that set two
 * members of one oneof.
 */
export class OptionInterpreter {
  readonly #scope: Scope;
  readonly #builtin: Scope;
  readonly #problems: Problems;

  /** `builtin` has descriptor.proto, for files that don't import it. */
  constructor(scope: Scope, builtin: Scope, problems: Problems) {
    this.#scope = scope;
    this.#builtin = builtin;
    this.#problems = problems;
  }

  interpret(file: ParsedFile, element: Element, options: readonly RawOption[]): Uint8Array {
    const set = new SetFields();
    const declared: { number: number; bytes: Uint8Array }[] = [];
    const extensions: Uint8Array[] = [];
    const type = this.#message(`google.protobuf.${element.optionType}`)!;
    for (const option of options) {
      try {
        const { number, bytes } = this.#statement(file, element, type, option, set);
        if (option.name[0]!.extension) extensions.push(bytes);
        else declared.push({ number, bytes });
      } catch (error) {
        if (!(error instanceof OptionError)) throw error;
        const message = `${error.message} (on "${element.name}")`;
        this.#problems.add('PROTO_INVALID', { file: file.path, line: error.line }, element.name, message);
      }
    }
    declared.sort((a, b) => a.number - b.number);
    return concat([...declared.map(({ bytes }) => bytes), ...extensions]);
  }

  #lookup(fullName: string): NamedSymbol | undefined {
    const name = fullName.startsWith('.') ? fullName.slice(1) : fullName;
    return this.#scope.get(name) ?? this.#builtin.get(name);
  }

  #message(fullName: string): MessageSymbol | undefined {
    const symbol = this.#lookup(fullName);
    return symbol?.kind === 'message' ? symbol : undefined;
  }

  #statement(
    file: ParsedFile,
    element: Element,
    type: MessageSymbol,
    option: RawOption,
    set: SetFields,
  ): { number: number; bytes: Uint8Array } {
    const { line } = option;
    let container = type;
    let state = set;
    const above: FieldDesc[] = [];
    for (const [index, part] of option.name.entries()) {
      const text = nameText(option.name.slice(0, index + 1));
      const field = part.extension
        ? this.#extension(file, element, container, part, text, line)
        : this.#member(
            container,
            part.text,
            index === 0 ? `option "${text}"` : `"${text}"`,
            index === 0,
            line,
          );
      const last = index === option.name.length - 1;
      const child = enter(state, container.desc, field, text, last, line);
      if (last) {
        let bytes = this.#record(field, option.value, child, text, false);
        for (const outer of above.reverse())
          bytes = messageRecord(outer.number, typeNames.get(outer.type)!, bytes);
        return { number: above[above.length - 1]?.number ?? field.number, bytes };
      }
      const next = field.typeName === undefined ? undefined : this.#message(field.typeName);
      if (next === undefined) {
        throw new OptionError(
          `"${text}" is of type ${typeNames.get(field.type)} and has no fields to set.`,
          line,
        );
      }
      if (field.label === label.repeated) {
        throw new OptionError(`"${text}" is repeated: set each message whole, in braces.`, line);
      }
      above.push(field);
      container = next;
      state = child;
    }
    throw new OptionError('An option without a name.', line);
  }

  #member(container: MessageSymbol, name: string, what: string, top: boolean, line: number): FieldDesc {
    const field = container.desc.field.find((candidate) => candidate.name === name);
    if (top && name === 'uninterpreted_option') throw new OptionError(`"${name}" can't be set.`, line);
    if (field !== undefined) return field;
    const names = container.desc.field
      .map((candidate) => candidate.name)
      .filter((n) => n !== 'uninterpreted_option');
    const hint = didYouMean(name, names);
    if (!top)
      throw new OptionError(`Unknown ${what}: ${container.name} has no field "${name}".${hint}`, line);
    const custom = hint === '' ? ' Custom options stand in parentheses: "(regather.v1.merge)".' : hint;
    throw new OptionError(`Unknown ${what}.${custom}`, line);
  }

  #extension(
    file: ParsedFile,
    element: Element,
    container: MessageSymbol,
    part: NamePart,
    text: string,
    line: number,
  ): FieldDesc {
    const symbol = this.#scope.resolve(part.text, element.name, file.desc);
    if (symbol === undefined) {
      const other = this.#scope.undeclared(part.text, element.name, file.desc);
      if (other !== undefined) {
        throw new OptionError(
          `Option "${text}" is defined in "${other}", which this file doesn't import.`,
          line,
        );
      }
      throw new OptionError(
        `Unknown option "${text}".${this.#suggestExtension(part.text, container, file)}`,
        line,
      );
    }
    if (symbol.kind !== 'field' || symbol.desc.extendee === undefined) {
      throw new OptionError(`"${text}" is a ${symbol.kind}, not an option.`, line);
    }
    if (symbol.desc.extendee !== `.${container.name}`) {
      const extendee = symbol.desc.extendee.slice(1);
      throw new OptionError(
        `Option "${text}" extends ${extendee}, not ${container.name}: it can't stand here.`,
        line,
      );
    }
    return symbol.desc;
  }

  #suggestExtension(written: string, container: MessageSymbol, file: ParsedFile): string {
    const fitting = this.#scope.names('field').filter((name) => {
      const symbol = this.#scope.visible(name, file.desc);
      return symbol?.kind === 'field' && symbol.desc.extendee === `.${container.name}`;
    });
    const last = (name: string): string => name.slice(name.lastIndexOf('.') + 1);
    const same = fitting.find((name) => last(name) === last(written));
    if (same !== undefined) return ` Did you mean "(${same})"?`;
    const hint = didYouMean(last(written), fitting.map(last));
    if (hint !== '') {
      const name = fitting.find((candidate) => hint.includes(`"${last(candidate)}"`));
      return ` Did you mean "(${name})"?`;
    }
    return file.imports.has('regather/v1/annotations.proto') || !/regather|merge|scatter/.test(written)
      ? ''
      : ' Does the file lack import "regather/v1/annotations.proto"?';
  }

  /** One field with its tag: one item of a repeated one. `text`: within an aggregate. */
  #record(field: FieldDesc, value: Value, child: SetFields, name: string, text: boolean): Uint8Array {
    const type = typeNames.get(field.type)!;
    if (type === 'message' || type === 'group') {
      if (value.kind !== 'message') {
        throw new OptionError(`"${name}" is a message: expected { … }, got ${valueText(value)}.`, value.line);
      }
      const message = this.#message(field.typeName!)!;
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
          records.push({ number: field.number, bytes: this.#record(field, value, child, full, true) });
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
    const type = this.#message(url.slice(url.lastIndexOf('/') + 1));
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
function enter(
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
