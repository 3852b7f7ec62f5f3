import type {
  EnumDesc,
  FieldDesc,
  FileDesc,
  MessageDesc,
  MethodDesc,
  OneofDesc,
  RangeDesc,
  ServiceDesc,
} from '../descriptor/messages.ts';
import { freshFile, freshMessage, label, typeNumber } from '../descriptor/messages.ts';
import { TokenCursor } from './cursor.ts';
import { defaultText } from './default-value.ts';
import { tokenize } from './lexer.ts';
import { mapEntryName } from './names.ts';
import { parseOption } from './parse-options.ts';
import type { Meta, ParsedFile, RawOption } from './syntax.ts';

/** One past the highest field number: what `to max` means. */
export const maxEnd = 536870912;
const int32 = 2147483647;

type Container = { readonly messages: MessageDesc[]; readonly fields: FieldDesc[] };

/**
 * Parses one .proto. Types of fields keep the names as written, with type 0 where only linking tells message from enum;
 * options stay raw. `source` is the file's bytes as latin1. Throws PROTO_INVALID with the line.
 */
export function parseProto(name: string, path: string, source: string): ParsedFile {
  return new Parser(name, path, source).file();
}

class Parser {
  readonly #cursor: TokenCursor;
  readonly #desc: FileDesc;
  readonly #path: string;
  readonly #meta = new Map<object, Meta>();
  readonly #imports = new Map<string, number>();
  #proto3 = false;

  constructor(name: string, path: string, source: string) {
    this.#cursor = new TokenCursor(tokenize(source, path), path);
    this.#desc = freshFile(name);
    this.#path = path;
  }

  file(): ParsedFile {
    const cursor: TokenCursor = this.#cursor;
    const desc = this.#desc;
    const options = this.#mark(desc, 1);
    this.#syntax();
    while (cursor.next.kind !== 'end') {
      const { line } = cursor;
      if (cursor.accept(';')) continue;
      if (cursor.is('message')) desc.messageType.push(this.#message());
      else if (cursor.is('enum')) desc.enumType.push(this.#enum());
      else if (cursor.is('service')) desc.service.push(this.#service());
      else if (cursor.is('extend')) this.#extend({ messages: desc.messageType, fields: desc.extension });
      else if (cursor.is('import')) this.#import();
      else if (cursor.is('option')) options.push(this.#optionStatement());
      else if (cursor.accept('package')) {
        if (desc.package !== undefined)
          cursor.fail(`A second package statement; the first says "${desc.package}".`, line);
        desc.package = cursor.dotted('the name of a package', false);
        cursor.expect(';', ' after the package');
      } else if (cursor.is('syntax') || cursor.is('edition')) {
        cursor.fail(`"${cursor.next.text}" must be the first statement of the file.`);
      } else
        cursor.expected(
          'a statement such as "message", "enum", "service", "extend", "import", "option" or "package"',
        );
    }
    return { desc, path: this.#path, meta: this.#meta, imports: this.#imports };
  }

  #mark(desc: object, line = this.#cursor.line): RawOption[] {
    const options: RawOption[] = [];
    this.#meta.set(desc, { line, options });
    return options;
  }

  #syntax(): void {
    const cursor: TokenCursor = this.#cursor;
    if (cursor.is('edition') && cursor.after.text === '=') {
      cursor.fail(
        'Editions source files are not read here. Compile it with protoc or buf (--include_imports) and give the descriptor set as service.descriptor.',
      );
    }
    if (!cursor.is('syntax')) return;
    cursor.take();
    cursor.expect('=', ' after "syntax"');
    const { line } = cursor;
    const syntax = cursor.utf8('"proto2" or "proto3"');
    if (syntax !== 'proto2' && syntax !== 'proto3') {
      cursor.fail(`Expected syntax "proto2" or "proto3", got "${syntax}".`, line);
    }
    cursor.expect(';', ' after the syntax');
    this.#proto3 = syntax === 'proto3';
    if (this.#proto3) this.#desc.syntax = 'proto3';
  }

  #import(): void {
    const cursor: TokenCursor = this.#cursor;
    const { line } = cursor;
    cursor.take();
    const desc = this.#desc;
    if (cursor.accept('public')) desc.publicDependency.push(desc.dependency.length);
    else if (cursor.accept('weak')) desc.weakDependency.push(desc.dependency.length);
    const name = cursor.utf8('the name of a file in quotes');
    cursor.expect(';', ' after the import');
    if (this.#imports.has(name)) cursor.fail(`"${name}" is imported twice.`, line);
    this.#imports.set(name, line);
    desc.dependency.push(name);
  }

  #optionStatement(): RawOption {
    this.#cursor.take();
    const option = parseOption(this.#cursor);
    this.#cursor.expect(';', ' after an option');
    return option;
  }

  #bracketOptions(options: RawOption[]): void {
    if (!this.#cursor.accept('[')) return;
    do options.push(parseOption(this.#cursor));
    while (this.#cursor.accept(','));
    this.#cursor.expect(']', ' after options');
  }

  #message(): MessageDesc {
    const cursor: TokenCursor = this.#cursor;
    const { line } = cursor;
    cursor.take();
    const message = freshMessage(cursor.identifier('the name of a message'));
    this.#messageBody(message, line);
    return message;
  }

  #messageBody(message: MessageDesc, line: number): void {
    const cursor: TokenCursor = this.#cursor;
    const options = this.#mark(message, line);
    cursor.expect('{', ` to begin "${message.name}"`);
    const inside: Container = { messages: message.nestedType, fields: message.field };
    while (!cursor.accept('}')) {
      if (cursor.next.kind === 'end')
        cursor.expected(`"}" to end "${message.name}", which begins on line ${line}`);
      if (cursor.accept(';')) continue;
      if (cursor.is('message')) message.nestedType.push(this.#message());
      else if (cursor.is('enum')) message.enumType.push(this.#enum());
      else if (cursor.is('extend')) this.#extend({ messages: message.nestedType, fields: message.extension });
      else if (cursor.is('oneof')) this.#oneof(message, inside);
      else if (cursor.is('option')) options.push(this.#optionStatement());
      else if (cursor.is('extensions')) this.#extensions(message);
      else if (cursor.is('reserved')) this.#reserved(message, 1, maxEnd - 1);
      else message.field.push(this.#field(inside, undefined));
    }
    this.#syntheticOneofs(message);
    // A message set's extensions may have any number.
    const isSet = options.some((option) => option.name[0]!.text === 'message_set_wire_format');
    if (isSet) for (const range of message.extensionRange) if (range.end === maxEnd) range.end = int32;
  }

  #syntheticOneofs(message: MessageDesc): void {
    const taken = new Set([...message.field, ...message.oneofDecl].map(({ name }) => name));
    for (const field of message.field) {
      if (field.proto3Optional !== true) continue;
      let name = field.name.startsWith('_') ? field.name : `_${field.name}`;
      while (taken.has(name)) name = `X${name}`;
      taken.add(name);
      field.oneofIndex = message.oneofDecl.length;
      const oneof = { name };
      this.#mark(oneof, this.#meta.get(field)!.line);
      message.oneofDecl.push(oneof);
    }
  }

  #field(inside: Container, oneof: { name: string; index: number } | undefined): FieldDesc {
    const cursor: TokenCursor = this.#cursor;
    const { line } = cursor;
    const field: FieldDesc = { name: '', number: 0, label: label.optional, type: 0 };
    const options = this.#mark(field);
    const labelled = cursor.is('optional') || cursor.is('repeated') || cursor.is('required');
    if (labelled) {
      const word = cursor.take().text as keyof typeof label;
      if (oneof !== undefined) cursor.fail(`A member of oneof "${oneof.name}" can't be "${word}".`, line);
      if (word === 'required' && this.#proto3) cursor.fail('proto3 has no "required" fields.', line);
      if (word === 'optional' && this.#proto3) field.proto3Optional = true;
      field.label = label[word];
    }
    if (cursor.is('map') && cursor.after.text === '<') {
      if (labelled) cursor.fail('A map field takes no "optional", "required" or "repeated".', line);
      if (oneof !== undefined) cursor.fail(`A member of oneof "${oneof.name}" can't be a map.`, line);
      this.#mapField(inside, field, options);
      return field;
    }
    if (cursor.is('group')) {
      this.#group(inside, field, options, oneof);
      return field;
    }
    if (cursor.next.kind !== 'identifier' && !cursor.is('.')) cursor.expected('a field, or "}"');
    this.#type(field);
    if (!labelled && oneof === undefined && !this.#proto3) {
      cursor.fail('Expected "optional", "required" or "repeated" before the type of a proto2 field.', line);
    }
    field.name = cursor.identifier('the name of a field');
    this.#numberAndOptions(field, options);
    cursor.expect(';', ` after "${field.name}"`);
    if (oneof !== undefined) field.oneofIndex = oneof.index;
    return field;
  }

  #type(field: FieldDesc): void {
    const name = this.#cursor.dotted('a type', true);
    const type = name in typeNumber ? typeNumber[name as keyof typeof typeNumber] : undefined;
    if (type !== undefined && name !== 'message' && name !== 'enum' && name !== 'group') field.type = type;
    else field.typeName = name;
  }

  #numberAndOptions(field: FieldDesc, options: RawOption[]): void {
    const cursor: TokenCursor = this.#cursor;
    cursor.expect('=', ` and a number after "${field.name}"`);
    field.number = cursor.integer(`the number of "${field.name}"`, 0, int32);
    if (!cursor.accept('[')) return;
    do this.#fieldOption(field, options);
    while (cursor.accept(','));
    cursor.expect(']', ' after options');
  }

  /** `default` and `json_name` look like options and are fields of the descriptor. */
  #fieldOption(field: FieldDesc, options: RawOption[]): void {
    const cursor: TokenCursor = this.#cursor;
    const { line } = cursor;
    const option = parseOption(cursor);
    const [first] = option.name;
    if (option.name.length !== 1 || first === undefined || first.extension) {
      options.push(option);
    } else if (first.text === 'json_name') {
      if (field.jsonName !== undefined) cursor.fail(`json_name of "${field.name}" is set twice.`, line);
      if (option.value.kind !== 'string') cursor.fail(`json_name of "${field.name}" must be a string.`, line);
      field.jsonName = Buffer.from(option.value.text, 'latin1').toString('utf8');
    } else if (first.text === 'default') {
      if (field.defaultValue !== undefined) cursor.fail(`The default of "${field.name}" is set twice.`, line);
      if (this.#proto3) cursor.fail(`proto3 has no defaults ("${field.name}").`, line);
      if (field.label === label.repeated)
        cursor.fail(`A repeated field has no default ("${field.name}").`, line);
      const value = defaultText(field.type, option.value);
      if (value === undefined) cursor.fail(`The default of "${field.name}" doesn't fit its type.`, line);
      field.defaultValue = value;
    } else options.push(option);
  }

  #mapField(inside: Container, field: FieldDesc, options: RawOption[]): void {
    const cursor: TokenCursor = this.#cursor;
    const { line } = cursor;
    cursor.take();
    cursor.expect('<');
    const key: FieldDesc = { name: 'key', number: 1, label: label.optional, type: 0, jsonName: 'key' };
    const value: FieldDesc = { name: 'value', number: 2, label: label.optional, type: 0, jsonName: 'value' };
    this.#type(key);
    cursor.expect(',', ' between the types of a map');
    this.#type(value);
    cursor.expect('>', ' after the types of a map');
    field.name = cursor.identifier('the name of a field');
    field.label = label.repeated;
    field.type = typeNumber.message;
    const entry = freshMessage(mapEntryName(field.name));
    field.typeName = entry.name;
    entry.field.push(key, value);
    // MessageOptions.map_entry = true
    entry.options = Uint8Array.of(0x38, 1);
    for (const desc of [entry, key, value]) this.#mark(desc, line);
    this.#numberAndOptions(field, options);
    cursor.expect(';', ` after "${field.name}"`);
    inside.messages.push(entry);
  }

  #group(
    inside: Container,
    field: FieldDesc,
    options: RawOption[],
    oneof: { name: string; index: number } | undefined,
  ): void {
    const cursor: TokenCursor = this.#cursor;
    const { line } = cursor;
    if (this.#proto3) cursor.fail('proto3 has no groups.');
    cursor.take();
    const name = cursor.identifier('the name of a group');
    if (!/^[A-Z]/.test(name)) cursor.fail(`The name of a group begins with a capital, got "${name}".`, line);
    field.name = name.toLowerCase();
    field.type = typeNumber.group;
    field.typeName = name;
    if (oneof !== undefined) field.oneofIndex = oneof.index;
    this.#numberAndOptions(field, options);
    const message = freshMessage(name);
    inside.messages.push(message);
    this.#messageBody(message, line);
  }

  #oneof(message: MessageDesc, inside: Container): void {
    const cursor: TokenCursor = this.#cursor;
    const { line } = cursor;
    cursor.take();
    const oneof: OneofDesc = { name: cursor.identifier('the name of a oneof') };
    const options = this.#mark(oneof, line);
    const index = message.oneofDecl.length;
    message.oneofDecl.push(oneof);
    cursor.expect('{', ` to begin oneof "${oneof.name}"`);
    let members = 0;
    while (!cursor.accept('}')) {
      if (cursor.next.kind === 'end')
        cursor.expected(`"}" to end oneof "${oneof.name}", which begins on line ${line}`);
      if (cursor.accept(';')) continue;
      if (cursor.is('option')) {
        options.push(this.#optionStatement());
        continue;
      }
      message.field.push(this.#field(inside, { name: oneof.name, index }));
      members++;
    }
    if (members === 0) cursor.fail(`Oneof "${oneof.name}" has no field.`, line);
  }

  #extend(into: Container): void {
    const cursor: TokenCursor = this.#cursor;
    const { line } = cursor;
    cursor.take();
    const extendee = cursor.dotted('the name of a message', true);
    cursor.expect('{', ` to begin the extension of "${extendee}"`);
    while (!cursor.accept('}')) {
      if (cursor.next.kind === 'end')
        cursor.expected(`"}" to end "extend ${extendee}", which begins on line ${line}`);
      if (cursor.accept(';')) continue;
      const field = this.#field(into, undefined);
      field.extendee = extendee;
      into.fields.push(field);
    }
  }

  #extensions(message: MessageDesc): void {
    const cursor: TokenCursor = this.#cursor;
    const { line } = cursor;
    cursor.take();
    const ranges: RangeDesc[] = [];
    do {
      const start = cursor.integer('a field number', 1, maxEnd - 1);
      let end = start;
      if (cursor.accept('to'))
        end = cursor.accept('max') ? maxEnd - 1 : cursor.integer('a field number', 1, maxEnd - 1);
      if (end < start) cursor.fail(`An extension range ends before it begins: ${start} to ${end}.`, line);
      ranges.push({ start, end: end + 1 });
    } while (cursor.accept(','));
    const options: RawOption[] = [];
    this.#bracketOptions(options);
    cursor.expect(';', ' after extension ranges');
    for (const range of ranges) this.#mark(range, line).push(...options);
    message.extensionRange.push(...ranges);
  }

  /** In an enum both ends are included; in a message the descriptor's end is one past the last. */
  #reserved(into: MessageDesc | EnumDesc, min: number, max: number): void {
    const cursor: TokenCursor = this.#cursor;
    const { line } = cursor;
    cursor.take();
    if (cursor.next.kind === 'string') {
      do into.reservedName.push(cursor.utf8('a name in quotes'));
      while (cursor.accept(','));
    } else {
      do {
        const start = cursor.integer('a number or a name in quotes', min, max);
        let end = start;
        if (cursor.accept('to')) end = cursor.accept('max') ? max : cursor.integer('a number', min, max);
        if (end < start) cursor.fail(`A reserved range ends before it begins: ${start} to ${end}.`, line);
        const range = { start, end: min < 0 ? end : end + 1 };
        this.#mark(range, line);
        into.reservedRange.push(range);
      } while (cursor.accept(','));
    }
    cursor.expect(';', ' after "reserved"');
  }

  #enum(): EnumDesc {
    const cursor: TokenCursor = this.#cursor;
    const { line } = cursor;
    cursor.take();
    const desc: EnumDesc = {
      name: cursor.identifier('the name of an enum'),
      value: [],
      reservedRange: [],
      reservedName: [],
    };
    const options = this.#mark(desc, line);
    cursor.expect('{', ` to begin enum "${desc.name}"`);
    while (!cursor.accept('}')) {
      if (cursor.next.kind === 'end')
        cursor.expected(`"}" to end enum "${desc.name}", which begins on line ${line}`);
      if (cursor.accept(';')) continue;
      if (cursor.is('option') && cursor.after.text !== '=') options.push(this.#optionStatement());
      else if (cursor.is('reserved') && cursor.after.text !== '=') this.#reserved(desc, -int32 - 1, int32);
      else {
        const value = { name: '', number: 0 };
        const valueOptions = this.#mark(value);
        value.name = cursor.identifier('the name of an enum value, or "}"');
        cursor.expect('=', ` and a number after "${value.name}"`);
        value.number = cursor.integer(`the number of "${value.name}"`, -int32 - 1, int32);
        this.#bracketOptions(valueOptions);
        cursor.expect(';', ` after "${value.name}"`);
        desc.value.push(value);
      }
    }
    if (desc.value.length === 0) cursor.fail(`Enum "${desc.name}" has no value.`, line);
    return desc;
  }

  #service(): ServiceDesc {
    const cursor: TokenCursor = this.#cursor;
    const { line } = cursor;
    cursor.take();
    const service: ServiceDesc = { name: cursor.identifier('the name of a service'), method: [] };
    const options = this.#mark(service, line);
    cursor.expect('{', ` to begin service "${service.name}"`);
    while (!cursor.accept('}')) {
      if (cursor.next.kind === 'end')
        cursor.expected(`"}" to end service "${service.name}", which begins on line ${line}`);
      if (cursor.accept(';')) continue;
      if (cursor.is('option')) options.push(this.#optionStatement());
      else if (cursor.is('rpc')) service.method.push(this.#method());
      else cursor.expected('"rpc", "option" or "}"');
    }
    return service;
  }

  #method(): MethodDesc {
    const cursor: TokenCursor = this.#cursor;
    const { line } = cursor;
    cursor.take();
    const method: MethodDesc = {
      name: cursor.identifier('the name of a method'),
      inputType: '',
      outputType: '',
    };
    const options = this.#mark(method, line);
    cursor.expect('(', ' before the type of the request');
    if (cursor.accept('stream')) method.clientStreaming = true;
    method.inputType = cursor.dotted('the type of the request', true);
    cursor.expect(')', ' after the type of the request');
    cursor.expect('returns');
    cursor.expect('(', ' before the type of the response');
    if (cursor.accept('stream')) method.serverStreaming = true;
    method.outputType = cursor.dotted('the type of the response', true);
    cursor.expect(')', ' after the type of the response');
    if (!cursor.accept('{')) {
      cursor.expect(';', ` or "{" after rpc "${method.name}"`);
      return method;
    }
    method.options = new Uint8Array(0);
    while (!cursor.accept('}')) {
      if (cursor.accept(';')) continue;
      if (!cursor.is('option')) cursor.expected(`"option", or "}" to end rpc "${method.name}"`);
      options.push(this.#optionStatement());
    }
    return method;
  }
}
