import type { TokenCursor } from './cursor.ts';
import { integerValue } from './lexer.ts';
import type { Entry, NamePart, RawOption, Value } from './syntax.ts';

/** `(a.b).c.d = value`, without a keyword before or a separator after. */
export function parseOption(cursor: TokenCursor): RawOption {
  const line = cursor.line;
  const name: NamePart[] = [];
  do {
    if (cursor.accept('(')) {
      name.push({ text: cursor.dotted('the name of an extension', true), extension: true });
      cursor.expect(')', ' after the name of an extension');
    } else name.push({ text: cursor.identifier('the name of an option'), extension: false });
  } while (cursor.accept('.'));
  cursor.expect('=', ' after the name of an option');
  return { name, line, value: cursor.is('{') ? parseMessage(cursor) : parseScalar(cursor, 'a value') };
}

function parseScalar(cursor: TokenCursor, what: string): Value {
  const line = cursor.line;
  if (cursor.next.kind === 'string') return { kind: 'string', text: cursor.string(what), line };
  const negative = cursor.accept('-');
  const { kind } = cursor.next;
  if (kind === 'identifier') return { kind: 'identifier', text: cursor.take().text, negative, line };
  if (kind === 'integer') {
    const value = integerValue(cursor.take().text);
    // Past 64 bits a number can only be meant as a float.
    if (value > 0xffffffffffffffffn || (negative && value > 0x8000000000000000n)) {
      return { kind: 'float', value: negative ? -Number(value) : Number(value), line };
    }
    if (negative && value === 0n) return { kind: 'float', value: -0, line };
    return { kind: 'integer', value: negative ? -value : value, line };
  }
  if (kind === 'float') {
    const value = Number(cursor.take().text);
    return { kind: 'float', value: negative ? -value : value, line };
  }
  return cursor.expected(what);
}

/** Text format within `{ }` or `< >`. */
function parseMessage(cursor: TokenCursor): Value {
  const line = cursor.line;
  const close = cursor.accept('<') ? '>' : '}';
  if (close === '}') cursor.expect('{');
  cursor.enter();
  const entries: Entry[] = [];
  while (!cursor.accept(close)) {
    entries.push(parseEntry(cursor, close));
    if (!cursor.accept(',')) cursor.accept(';');
  }
  cursor.leave();
  return { kind: 'message', entries, line };
}

function parseEntry(cursor: TokenCursor, close: string): Entry {
  const line = cursor.line;
  let name: NamePart;
  if (cursor.accept('[')) {
    let text = cursor.dotted('the name of an extension', true);
    while (cursor.accept('/')) text += `/${cursor.dotted('the name of a type', false)}`;
    cursor.expect(']', ' after the name of an extension');
    name = { text, extension: true };
  } else name = { text: cursor.identifier(`the name of a field, or "${close}"`), extension: false };
  const colon = cursor.accept(':');
  const nested = cursor.is('{') || cursor.is('<');
  if (!colon && !nested && !cursor.is('[')) cursor.expected(`":" or "{" after "${name.text}"`);
  return { name, colon, line, value: parseValue(cursor, name.text) };
}

function parseValue(cursor: TokenCursor, name: string): Value {
  if (cursor.is('{') || cursor.is('<')) return parseMessage(cursor);
  const line = cursor.line;
  if (!cursor.accept('[')) return parseScalar(cursor, `a value for "${name}"`);
  const items: Value[] = [];
  if (!cursor.accept(']')) {
    do {
      if (cursor.is('[')) cursor.expected('a value (a list holds no lists)');
      items.push(parseValue(cursor, name));
    } while (cursor.accept(','));
    cursor.expect(']', ' after a list');
  }
  return { kind: 'list', items, line };
}
