import type { EnumDesc } from '../descriptor/messages.ts';
import type { TokenCursor } from './cursor.ts';
import { maxInt32, type ParseContext } from './parse-context.ts';

/** `enum … { … }` */
export function parseEnum(context: ParseContext): EnumDesc {
  const cursor: TokenCursor = context.cursor;
  const { line } = cursor;
  cursor.take();
  const desc: EnumDesc = {
    name: cursor.identifier('the name of an enum'),
    value: [],
    reservedRange: [],
    reservedName: [],
  };
  const options = context.mark(desc, line);
  cursor.expect('{', ` to begin enum "${desc.name}"`);
  while (!cursor.accept('}')) {
    if (cursor.next.kind === 'end')
      cursor.expected(`"}" to end enum "${desc.name}", which begins on line ${line}`);
    if (cursor.accept(';')) continue;
    if (cursor.is('option') && cursor.after.text !== '=') options.push(context.optionStatement());
    else if (cursor.is('reserved') && cursor.after.text !== '=')
      context.reserved(desc, -maxInt32 - 1, maxInt32);
    else {
      const value = { name: '', number: 0 };
      const valueOptions = context.mark(value);
      value.name = cursor.identifier('the name of an enum value, or "}"');
      cursor.expect('=', ` and a number after "${value.name}"`);
      value.number = cursor.integer(`the number of "${value.name}"`, -maxInt32 - 1, maxInt32);
      context.bracketOptions(valueOptions);
      cursor.expect(';', ` after "${value.name}"`);
      desc.value.push(value);
    }
  }
  if (desc.value.length === 0) cursor.fail(`Enum "${desc.name}" has no value.`, line);
  return desc;
}
