import type { EnumDesc, MessageDesc } from '../descriptor/messages.ts';
import type { TokenCursor } from './cursor.ts';
import { parseOption } from './parse-options.ts';
import type { Meta, RawOption } from './syntax.ts';

/** One past the highest field number: what `to max` means. */
export const maxEnd = 536870912;
export const maxInt32 = 2147483647;

/** What the parsers of one file share. */
export class ParseContext {
  readonly cursor: TokenCursor;
  readonly meta = new Map<object, Meta>();
  proto3 = false;

  constructor(cursor: TokenCursor) {
    this.cursor = cursor;
  }

  /** Notes where a descriptor begins; returns the list for its options. */
  mark(desc: object, line = this.cursor.line): RawOption[] {
    const options: RawOption[] = [];
    this.meta.set(desc, { line, options });
    return options;
  }

  /** `option … ;` */
  optionStatement(): RawOption {
    this.cursor.take();
    const option = parseOption(this.cursor);
    this.cursor.expect(';', ' after an option');
    return option;
  }

  /** `[ … ]`, if there is one. */
  bracketOptions(options: RawOption[]): void {
    if (!this.cursor.accept('[')) return;
    do options.push(parseOption(this.cursor));
    while (this.cursor.accept(','));
    this.cursor.expect(']', ' after options');
  }

  /** In an enum both ends are included; in a message the descriptor's end is one past the last. */
  reserved(into: MessageDesc | EnumDesc, min: number, max: number): void {
    const cursor: TokenCursor = this.cursor;
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
        this.mark(range, line);
        into.reservedRange.push(range);
      } while (cursor.accept(','));
    }
    cursor.expect(';', ' after "reserved"');
  }
}
