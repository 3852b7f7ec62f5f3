import { freshMessage, type MessageDesc, type OneofDesc, type RangeDesc } from '../descriptor/messages.ts';
import type { TokenCursor } from './cursor.ts';
import { maxEnd, maxInt32, type ParseContext } from './parse-context.ts';
import { parseEnum } from './parse-enum.ts';
import { type Container, parseField } from './parse-field.ts';
import type { RawOption } from './syntax.ts';

export function parseMessage(context: ParseContext): MessageDesc {
  const cursor: TokenCursor = context.cursor;
  const { line } = cursor;
  cursor.take();
  const message = freshMessage(cursor.identifier('the name of a message'));
  parseMessageBody(context, message, line);
  return message;
}

export function parseMessageBody(context: ParseContext, message: MessageDesc, line: number): void {
  const cursor: TokenCursor = context.cursor;
  const options = context.mark(message, line);
  cursor.expect('{', ` to begin "${message.name}"`);
  cursor.enter();
  const inside: Container = { messages: message.nestedType, fields: message.field };
  while (!cursor.accept('}')) {
    if (cursor.next.kind === 'end')
      cursor.expected(`"}" to end "${message.name}", which begins on line ${line}`);
    if (cursor.accept(';')) continue;
    if (cursor.is('message')) message.nestedType.push(parseMessage(context));
    else if (cursor.is('enum')) message.enumType.push(parseEnum(context));
    else if (cursor.is('extend'))
      parseExtend(context, { messages: message.nestedType, fields: message.extension });
    else if (cursor.is('oneof')) parseOneof(context, message, inside);
    else if (cursor.is('option')) options.push(context.optionStatement());
    else if (cursor.is('extensions')) parseExtensions(context, message);
    else if (cursor.is('reserved')) context.reserved(message, 1, maxEnd - 1);
    else message.field.push(parseField(context, inside, undefined));
  }
  cursor.leave();
  addSyntheticOneofs(context, message);
  // A message set's extensions may have any number.
  const isSet = options.some((option) => option.name[0]!.text === 'message_set_wire_format');
  if (isSet) for (const range of message.extensionRange) if (range.end === maxEnd) range.end = maxInt32;
}

function addSyntheticOneofs(context: ParseContext, message: MessageDesc): void {
  const taken = new Set([...message.field, ...message.oneofDecl].map(({ name }) => name));
  for (const field of message.field) {
    if (field.proto3Optional !== true) continue;
    let name = field.name.startsWith('_') ? field.name : `_${field.name}`;
    while (taken.has(name)) name = `X${name}`;
    taken.add(name);
    field.oneofIndex = message.oneofDecl.length;
    const oneof = { name };
    context.mark(oneof, context.meta.get(field)!.line);
    message.oneofDecl.push(oneof);
  }
}

function parseOneof(context: ParseContext, message: MessageDesc, inside: Container): void {
  const cursor: TokenCursor = context.cursor;
  const { line } = cursor;
  cursor.take();
  const oneof: OneofDesc = { name: cursor.identifier('the name of a oneof') };
  const options = context.mark(oneof, line);
  const index = message.oneofDecl.length;
  message.oneofDecl.push(oneof);
  cursor.expect('{', ` to begin oneof "${oneof.name}"`);
  let members = 0;
  while (!cursor.accept('}')) {
    if (cursor.next.kind === 'end')
      cursor.expected(`"}" to end oneof "${oneof.name}", which begins on line ${line}`);
    if (cursor.accept(';')) continue;
    if (cursor.is('option')) {
      options.push(context.optionStatement());
      continue;
    }
    message.field.push(parseField(context, inside, { name: oneof.name, index }));
    members++;
  }
  if (members === 0) cursor.fail(`Oneof "${oneof.name}" has no field.`, line);
}

export function parseExtend(context: ParseContext, into: Container): void {
  const cursor: TokenCursor = context.cursor;
  const { line } = cursor;
  cursor.take();
  const extendee = cursor.dotted('the name of a message', true);
  cursor.expect('{', ` to begin the extension of "${extendee}"`);
  while (!cursor.accept('}')) {
    if (cursor.next.kind === 'end')
      cursor.expected(`"}" to end "extend ${extendee}", which begins on line ${line}`);
    if (cursor.accept(';')) continue;
    const field = parseField(context, into, undefined);
    field.extendee = extendee;
    into.fields.push(field);
  }
}

function parseExtensions(context: ParseContext, message: MessageDesc): void {
  const cursor: TokenCursor = context.cursor;
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
  context.bracketOptions(options);
  cursor.expect(';', ' after extension ranges');
  for (const range of ranges) context.mark(range, line).push(...options);
  message.extensionRange.push(...ranges);
}
