import { type FieldDesc, freshMessage, label, type MessageDesc, typeNumber } from '../descriptor/messages.ts';
import type { TokenCursor } from './cursor.ts';
import { defaultText } from './default-value.ts';
import { mapEntryName } from './names.ts';
import { maxInt32, type ParseContext } from './parse-context.ts';
import { parseMessageBody } from './parse-message.ts';
import { parseOption } from './parse-options.ts';
import type { RawOption } from './syntax.ts';

/** Where a field stands: groups and maps put messages beside it. */
export interface Container {
  readonly messages: MessageDesc[];
  readonly fields: FieldDesc[];
}

export function parseField(
  context: ParseContext,
  inside: Container,
  oneof: { name: string; index: number } | undefined,
): FieldDesc {
  const cursor: TokenCursor = context.cursor;
  const { line } = cursor;
  const field: FieldDesc = { name: '', number: 0, label: label.optional, type: 0 };
  const options = context.mark(field);
  const labelled = cursor.is('optional') || cursor.is('repeated') || cursor.is('required');
  if (labelled) {
    const word = cursor.take().text as keyof typeof label;
    if (oneof !== undefined) cursor.fail(`A member of oneof "${oneof.name}" can't be "${word}".`, line);
    if (word === 'required' && context.proto3) cursor.fail('proto3 has no "required" fields.', line);
    if (word === 'optional' && context.proto3) field.proto3Optional = true;
    field.label = label[word];
  }
  if (cursor.is('map') && cursor.after.text === '<') {
    if (labelled) cursor.fail('A map field takes no "optional", "required" or "repeated".', line);
    if (oneof !== undefined) cursor.fail(`A member of oneof "${oneof.name}" can't be a map.`, line);
    parseMapField(context, inside, field, options);
    return field;
  }
  if (cursor.is('group')) {
    parseGroup(context, inside, field, options, oneof);
    return field;
  }
  if (cursor.next.kind !== 'identifier' && !cursor.is('.')) cursor.expected('a field, or "}"');
  parseType(context, field);
  if (!labelled && oneof === undefined && !context.proto3) {
    cursor.fail('Expected "optional", "required" or "repeated" before the type of a proto2 field.', line);
  }
  field.name = cursor.identifier('the name of a field');
  parseNumberAndOptions(context, field, options);
  cursor.expect(';', ` after "${field.name}"`);
  if (oneof !== undefined) field.oneofIndex = oneof.index;
  return field;
}

function parseType(context: ParseContext, field: FieldDesc): void {
  const name = context.cursor.dotted('a type', true);
  const type = name in typeNumber ? typeNumber[name as keyof typeof typeNumber] : undefined;
  if (type !== undefined && name !== 'message' && name !== 'enum' && name !== 'group') field.type = type;
  else field.typeName = name;
}

function parseNumberAndOptions(context: ParseContext, field: FieldDesc, options: RawOption[]): void {
  const cursor: TokenCursor = context.cursor;
  cursor.expect('=', ` and a number after "${field.name}"`);
  field.number = cursor.integer(`the number of "${field.name}"`, 0, maxInt32);
  if (!cursor.accept('[')) return;
  do parseFieldOption(context, field, options);
  while (cursor.accept(','));
  cursor.expect(']', ' after options');
}

/** `default` and `json_name` look like options and are fields of the descriptor. */
function parseFieldOption(context: ParseContext, field: FieldDesc, options: RawOption[]): void {
  const cursor: TokenCursor = context.cursor;
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
    if (context.proto3) cursor.fail(`proto3 has no defaults ("${field.name}").`, line);
    if (field.label === label.repeated)
      cursor.fail(`A repeated field has no default ("${field.name}").`, line);
    const value = defaultText(field.type, option.value);
    if (value === undefined) cursor.fail(`The default of "${field.name}" doesn't fit its type.`, line);
    field.defaultValue = value;
  } else options.push(option);
}

function parseMapField(
  context: ParseContext,
  inside: Container,
  field: FieldDesc,
  options: RawOption[],
): void {
  const cursor: TokenCursor = context.cursor;
  const { line } = cursor;
  cursor.take();
  cursor.expect('<');
  const key: FieldDesc = { name: 'key', number: 1, label: label.optional, type: 0, jsonName: 'key' };
  const value: FieldDesc = { name: 'value', number: 2, label: label.optional, type: 0, jsonName: 'value' };
  parseType(context, key);
  cursor.expect(',', ' between the types of a map');
  parseType(context, value);
  cursor.expect('>', ' after the types of a map');
  field.name = cursor.identifier('the name of a field');
  field.label = label.repeated;
  field.type = typeNumber.message;
  const entry = freshMessage(mapEntryName(field.name));
  field.typeName = entry.name;
  entry.field.push(key, value);
  // MessageOptions.map_entry = true
  entry.options = Uint8Array.of(0x38, 1);
  for (const desc of [entry, key, value]) context.mark(desc, line);
  parseNumberAndOptions(context, field, options);
  cursor.expect(';', ` after "${field.name}"`);
  inside.messages.push(entry);
}

function parseGroup(
  context: ParseContext,
  inside: Container,
  field: FieldDesc,
  options: RawOption[],
  oneof: { name: string; index: number } | undefined,
): void {
  const cursor: TokenCursor = context.cursor;
  const { line } = cursor;
  if (context.proto3) cursor.fail('proto3 has no groups.');
  cursor.take();
  const name = cursor.identifier('the name of a group');
  if (!/^[A-Z]/.test(name)) cursor.fail(`The name of a group begins with a capital, got "${name}".`, line);
  field.name = name.toLowerCase();
  field.type = typeNumber.group;
  field.typeName = name;
  if (oneof !== undefined) field.oneofIndex = oneof.index;
  parseNumberAndOptions(context, field, options);
  const message = freshMessage(name);
  inside.messages.push(message);
  parseMessageBody(context, message, line);
}
