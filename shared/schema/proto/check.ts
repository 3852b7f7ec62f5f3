import {
  type EnumDesc,
  type FieldDesc,
  label,
  type MessageDesc,
  type RangeDesc,
  typeNames,
  typeNumber,
} from '../descriptor/messages.ts';
import { optionNumber, varintOption } from '../descriptor/standard-options.ts';
import { within } from '../descriptor/symbols.ts';
import type { Problems } from '../problems.ts';
import { jsonName } from './names.ts';
import { maxEnd } from './parse-context.ts';
import type { Scope } from './scope.ts';
import type { ParsedFile } from './syntax.ts';

/** protobuf's rules on numbers, names, labels and types, once a file is linked and its options are read. */
export function checkFile(file: ParsedFile, scope: Scope, problems: Problems): void {
  new Checker(file, scope, problems).check();
}

class Checker {
  readonly #file: ParsedFile;
  readonly #scope: Scope;
  readonly #problems: Problems;
  readonly #proto3: boolean;
  /** Extension numbers by extendee: another file may have taken them as well. */
  readonly #taken = new Map<string, string>();

  constructor(file: ParsedFile, scope: Scope, problems: Problems) {
    this.#file = file;
    this.#scope = scope;
    this.#problems = problems;
    this.#proto3 = file.desc.syntax === 'proto3';
  }

  check(): void {
    const { desc } = this.#file;
    const root = desc.package ?? '';
    for (const message of desc.messageType) this.#message(message, within(root, message.name));
    for (const type of desc.enumType) this.#enum(type, within(root, type.name));
    for (const field of desc.extension) this.#extension(field, within(root, field.name));
  }

  #fail(desc: object, name: string, message: string): void {
    const line = this.#file.meta.get(desc)?.line;
    this.#problems.add(
      'PROTO_INVALID',
      { file: this.#file.path, ...(line === undefined ? {} : { line }) },
      name,
      message,
    );
  }

  #message(message: MessageDesc, name: string): void {
    const mapEntry = varintOption(message.options, optionNumber.mapEntry) === 1;
    const messageSet = varintOption(message.options, optionNumber.messageSetWireFormat) === 1;
    if (this.#proto3 && message.extensionRange.length > 0) {
      this.#fail(message.extensionRange[0]!, name, `proto3 has no extension ranges ("${name}").`);
    }
    if (messageSet && (this.#proto3 || message.field.length > 0)) {
      this.#fail(
        message,
        name,
        `"${name}" has message_set_wire_format: it must be proto2 and have no fields of its own.`,
      );
    }
    this.#numbers(message, name);
    this.#ranges(message, name);
    this.#jsonNames(message, name);
    for (const field of message.field) {
      this.#field(field, within(name, field.name));
      if (mapEntry) this.#mapEntry(field, name);
    }
    for (const nested of message.nestedType) this.#message(nested, within(name, nested.name));
    for (const type of message.enumType) this.#enum(type, within(name, type.name));
    for (const field of message.extension) this.#extension(field, within(name, field.name));
  }

  #numbers(message: MessageDesc, name: string): void {
    const byNumber = new Map<number, string>();
    const reservedNames = new Set(message.reservedName);
    for (const field of message.field) {
      const { number } = field;
      const full = within(name, field.name);
      const taken = byNumber.get(number);
      if (taken !== undefined)
        this.#fail(field, full, `"${full}" has number ${number}, which "${taken}" has already.`);
      byNumber.set(number, field.name);
      this.#number(field, full);
      if (reservedNames.has(field.name))
        this.#fail(field, full, `"${full}" has a name that "${name}" reserves.`);
      const inside = (range: RangeDesc): boolean => number >= range.start && number < range.end;
      if (message.reservedRange.some(inside))
        this.#fail(field, full, `"${full}" has number ${number}, which "${name}" reserves.`);
      if (message.extensionRange.some(inside)) {
        this.#fail(field, full, `"${full}" has number ${number}, which "${name}" keeps for extensions.`);
      }
    }
  }

  #number(field: FieldDesc, full: string): void {
    const { number } = field;
    if (number < 1 || number >= maxEnd) {
      this.#fail(field, full, `"${full}" has number ${number}: expected 1 to ${maxEnd - 1}.`);
    } else if (number >= 19000 && number <= 19999) {
      this.#fail(field, full, `"${full}" has number ${number}: 19000 to 19999 are protobuf's own.`);
    }
  }

  #ranges(message: MessageDesc, name: string): void {
    const names = new Set<string>();
    for (const reserved of message.reservedName) {
      if (names.has(reserved)) this.#fail(message, name, `"${name}" reserves the name "${reserved}" twice.`);
      names.add(reserved);
    }
    const ranges = [...message.reservedRange, ...message.extensionRange];
    for (const [i, range] of ranges.entries()) {
      const other = ranges.slice(0, i).find((before) => before.start < range.end && range.start < before.end);
      if (other === undefined) continue;
      const text = `${range.start} to ${range.end - 1} overlaps ${other.start} to ${other.end - 1}`;
      this.#fail(range, name, `A range of "${name}" is given twice: ${text}.`);
    }
  }

  /** In proto3 two fields must not share a JSON name; in proto2 only given ones count. */
  #jsonNames(message: MessageDesc, name: string): void {
    const byName = new Map<string, FieldDesc>();
    for (const field of message.field) {
      const json = field.jsonName ?? jsonName(field.name);
      const other = byName.get(json);
      const given = [field, other].some((one) => one !== undefined && one.jsonName !== jsonName(one.name));
      if (other !== undefined && (this.#proto3 || given)) {
        const full = within(name, field.name);
        this.#fail(field, full, `"${full}" has the JSON name "${json}", which "${other.name}" has already.`);
      }
      if (other === undefined) byName.set(json, field);
    }
  }

  #field(field: FieldDesc, full: string): void {
    const type = typeNames.get(field.type);
    if (field.jsonName?.includes('\0') === true)
      this.#fail(field, full, `The json_name of "${full}" contains a zero byte.`);
    const packed = varintOption(field.options, optionNumber.packed);
    const packable = type !== 'string' && type !== 'bytes' && type !== 'message' && type !== 'group';
    if (packed === 1 && (field.label !== label.repeated || !packable)) {
      this.#fail(field, full, `"${full}" is "packed": only repeated numbers, bools and enums can be.`);
    }
    if (type === 'enum' && this.#proto3) {
      const symbol = this.#scope.get(field.typeName!.replace(/^\./, ''));
      if (symbol?.kind === 'enum' && symbol.file.syntax === undefined) {
        this.#fail(
          field,
          full,
          `"${full}" is of the proto2 enum "${symbol.name}", which a proto3 message can't use.`,
        );
      }
    }
  }

  #mapEntry(field: FieldDesc, name: string): void {
    const { type } = field;
    if (field.number === 1) {
      const bad = [
        typeNumber.double,
        typeNumber.float,
        typeNumber.bytes,
        typeNumber.enum,
        typeNumber.message,
      ] as number[];
      if (bad.includes(type)) {
        this.#fail(
          field,
          name,
          `The key of the map "${name}" is a ${typeNames.get(type)}: expected an integer, a bool or a string.`,
        );
      }
    } else if (type === typeNumber.enum) {
      const symbol = this.#scope.get(field.typeName!.replace(/^\./, ''));
      if (symbol?.kind === 'enum' && symbol.desc.value[0]?.number !== 0) {
        this.#fail(field, name, `The first value of "${symbol.name}", used in the map "${name}", must be 0.`);
      }
    }
  }

  #enum(type: EnumDesc, name: string): void {
    if (this.#proto3 && type.value[0]?.number !== 0) {
      this.#fail(
        type.value[0] ?? type,
        name,
        `The first value of the proto3 enum "${name}" must be 0, got ${type.value[0]?.number}.`,
      );
    }
    const alias = varintOption(type.options, optionNumber.allowAlias) === 1;
    const byNumber = new Map<number, string>();
    const reservedNames = new Set(type.reservedName);
    let aliases = 0;
    for (const value of type.value) {
      const taken = byNumber.get(value.number);
      if (taken !== undefined) aliases++;
      if (taken !== undefined && !alias) {
        const hint = 'Aliases need "option allow_alias = true;".';
        this.#fail(
          value,
          `${name}.${value.name}`,
          `"${value.name}" of "${name}" has number ${value.number}, which "${taken}" has already. ${hint}`,
        );
      }
      byNumber.set(value.number, value.name);
      const reserved = type.reservedRange.some(
        (range) => value.number >= range.start && value.number <= range.end,
      );
      if (reserved)
        this.#fail(value, name, `"${value.name}" has number ${value.number}, which "${name}" reserves.`);
      if (reservedNames.has(value.name))
        this.#fail(value, name, `"${value.name}" is a name that "${name}" reserves.`);
    }
    if (alias && aliases === 0) {
      this.#fail(type, name, `"${name}" has allow_alias, but no two of its values share a number.`);
    }
    for (const [i, range] of type.reservedRange.entries()) {
      const other = type.reservedRange
        .slice(0, i)
        .find((before) => before.start <= range.end && range.start <= before.end);
      if (other !== undefined)
        this.#fail(range, name, `"${name}" reserves ${range.start} to ${range.end} twice.`);
    }
  }

  #extension(field: FieldDesc, full: string): void {
    const extendee = (field.extendee ?? '').replace(/^\./, '');
    const symbol = this.#scope.get(extendee);
    if (symbol?.kind !== 'message') return;
    this.#field(field, full);
    const { number } = field;
    if (!symbol.desc.extensionRange.some((range) => number >= range.start && number < range.end)) {
      this.#fail(
        field,
        full,
        `"${extendee}" has no extension range with ${number}, the number of "${full}".`,
      );
    }
    if (field.label === label.required)
      this.#fail(field, full, `An extension can't be required ("${full}").`);
    if (this.#proto3 && !extendee.startsWith('google.protobuf.')) {
      this.#fail(field, full, `proto3 extends nothing but options; "${full}" extends "${extendee}".`);
    }
    const taken = this.#taken.get(`${extendee} ${number}`);
    if (taken !== undefined)
      this.#fail(field, full, `"${full}" extends "${extendee}" with ${number}, as "${taken}" does already.`);
    this.#taken.set(`${extendee} ${number}`, full);
  }
}
