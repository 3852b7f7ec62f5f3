import { RegatherError } from '../../errors/errors.ts';
import { integerValue, type Token } from './lexer.ts';

/** Reads tokens one by one. Its errors name what was expected, what stands there instead, and the line. */
export class TokenCursor {
  readonly #tokens: readonly Token[];
  readonly #file: string;
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[], file: string) {
    this.#tokens = tokens;
    this.#file = file;
  }

  /** Call `leave` after the inside. The bound keeps a hostile file from exhausting the stack. */
  enter(): void {
    if (++this.#depth > 100) this.fail('Nested deeper than 100.');
  }

  leave(): void {
    this.#depth--;
  }

  get next(): Token {
    return this.#tokens[Math.min(this.#at, this.#tokens.length - 1)]!;
  }

  get after(): Token {
    return this.#tokens[Math.min(this.#at + 1, this.#tokens.length - 1)]!;
  }

  get line(): number {
    return this.next.line;
  }

  fail(message: string, line = this.line): never {
    throw new RegatherError('PROTO_INVALID', message, { file: this.#file, line });
  }

  expected(what: string): never {
    const { kind, text } = this.next;
    const found = kind === 'end' ? text : kind === 'string' ? `the string "${text}"` : `"${text}"`;
    this.fail(`Expected ${what}, found ${found}.`);
  }

  take(): Token {
    const token = this.next;
    this.#at++;
    return token;
  }

  is(text: string): boolean {
    const { kind } = this.next;
    return this.next.text === text && (kind === 'symbol' || kind === 'identifier');
  }

  accept(text: string): boolean {
    if (!this.is(text)) return false;
    this.#at++;
    return true;
  }

  expect(text: string, where = ''): void {
    if (!this.accept(text)) this.expected(`"${text}"${where}`);
  }

  identifier(what: string): string {
    if (this.next.kind !== 'identifier') this.expected(what);
    return this.take().text;
  }

  /** `a.b.c`, with a leading dot if `absolute` allows one. */
  dotted(what: string, absolute: boolean): string {
    let name = absolute && this.accept('.') ? '.' : '';
    name += this.identifier(what);
    while (this.accept('.')) name += `.${this.identifier(what)}`;
    return name;
  }

  /** One or more string literals side by side. */
  string(what: string): string {
    if (this.next.kind !== 'string') this.expected(what);
    let text = '';
    while (this.next.kind === 'string') text += this.take().text;
    return text;
  }

  /** A string literal that is a name: UTF-8. */
  utf8(what: string): string {
    return Buffer.from(this.string(what), 'latin1').toString('utf8');
  }

  integer(what: string, min: number, max: number): number {
    const negative = min < 0 && this.accept('-');
    if (this.next.kind !== 'integer') this.expected(what);
    const { text, line } = this.take();
    const value = negative ? -integerValue(text) : integerValue(text);
    if (value < BigInt(min) || value > BigInt(max)) {
      this.fail(`Expected ${what} from ${min} to ${max}, got ${value}.`, line);
    }
    return Number(value);
  }
}
