import { RegatherError } from '../../errors/errors.ts';

export interface Token {
  readonly kind: 'identifier' | 'integer' | 'float' | 'string' | 'symbol' | 'end';
  /** As written; of a string its content, one character (0–255) per byte. */
  readonly text: string;
  readonly line: number;
}

const escapes: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  "'": "'",
  '"': '"',
  '?': '?',
};

const space = /[ \t\r\n\v\f]+/y;
const identifier = /[A-Za-z_][A-Za-z0-9_]*/y;
const number = /0[xX][0-9a-fA-F]*|(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]*)?/y;

/**
 * Splits a .proto's bytes (as a latin1 string, so that a character is a byte) into tokens; comments are dropped.
 * Throws PROTO_INVALID. The last token is `end`.
 */
export function tokenize(source: string, file: string): Token[] {
  const tokens: Token[] = [];
  let at = source.startsWith('\xef\xbb\xbf') ? 3 : 0;
  let line = 1;

  const fail = (message: string): never => {
    throw new RegatherError('PROTO_INVALID', message, { file, line });
  };
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(source)?.[0];
  };
  const countLines = (text: string): void => {
    for (let i = text.indexOf('\n'); i >= 0; i = text.indexOf('\n', i + 1)) line++;
  };

  const string = (): string => {
    const quote = source[at++]!;
    let value = '';
    for (;;) {
      const char = source[at++];
      if (char === undefined || char === '\n') return fail('A string has no closing quote.');
      if (char === quote) return value;
      if (char !== '\\') {
        value += char;
        continue;
      }
      const escaped = source[at++];
      if (escaped !== undefined && escapes[escaped] !== undefined) value += escapes[escaped];
      else if (escaped !== undefined && /[0-7]/.test(escaped)) {
        at--;
        const digits = match(/[0-7]{1,3}/y)!;
        at += digits.length;
        value += String.fromCharCode(Number.parseInt(digits, 8) & 255);
      } else if (escaped === 'x' || escaped === 'X') {
        const digits = match(/[0-9a-fA-F]{1,2}/y) ?? fail('\\x in a string needs hex digits.');
        at += digits.length;
        value += String.fromCharCode(Number.parseInt(digits, 16));
      } else if (escaped === 'u' || escaped === 'U') {
        const digits = match(escaped === 'u' ? /[0-9a-fA-F]{4}/y : /[0-9a-fA-F]{8}/y);
        if (digits === undefined)
          return fail(`\\${escaped} in a string needs ${escaped === 'u' ? 4 : 8} hex digits.`);
        at += digits.length;
        let point = Number.parseInt(digits, 16);
        if (point > 0x10ffff) return fail(`\\${escaped}${digits} is no Unicode character.`);
        const low = point >= 0xd800 && point < 0xdc00 ? match(/\\u[dD][c-fC-F][0-9a-fA-F]{2}/y) : undefined;
        if (low !== undefined) {
          at += low.length;
          point = 0x10000 + ((point - 0xd800) << 10) + (Number.parseInt(low.slice(2), 16) - 0xdc00);
        }
        value += Buffer.from(String.fromCodePoint(point), 'utf8').toString('latin1');
      } else return fail(`Unknown escape "\\${escaped ?? ''}" in a string.`);
    }
  };

  while (at < source.length) {
    const blank = match(space);
    if (blank !== undefined) {
      countLines(blank);
      at += blank.length;
      continue;
    }
    if (source.startsWith('//', at)) {
      const end = source.indexOf('\n', at);
      at = end < 0 ? source.length : end;
      continue;
    }
    if (source.startsWith('/*', at)) {
      const end = source.indexOf('*/', at + 2);
      if (end < 0) fail('A comment has no closing "*/".');
      countLines(source.slice(at, end));
      at = end + 2;
      continue;
    }
    const start = line;
    const word = match(identifier);
    if (word !== undefined) {
      at += word.length;
      tokens.push({ kind: 'identifier', text: word, line: start });
      continue;
    }
    const digits = match(number);
    if (digits !== undefined) {
      at += digits.length;
      if (match(identifier) !== undefined) fail(`Expected a space after the number "${digits}".`);
      const hex = /^0[xX]/.test(digits);
      const kind = !hex && /[.eE]/.test(digits) ? 'float' : 'integer';
      if (hex && digits.length === 2) fail(`"${digits}" needs hex digits.`);
      if (kind === 'integer' && /^0[0-9]*[89]/.test(digits)) fail(`"${digits}" is no octal number.`);
      if (/[eE][+-]?$/.test(digits) && !hex) fail(`"${digits}" needs an exponent.`);
      tokens.push({ kind, text: digits, line: start });
      continue;
    }
    const char = source[at]!;
    if (char === '"' || char === "'") {
      tokens.push({ kind: 'string', text: string(), line: start });
      continue;
    }
    if (char < ' ' || char > '~')
      fail(`A character that can't stand here: 0x${char.charCodeAt(0).toString(16)}.`);
    at++;
    tokens.push({ kind: 'symbol', text: char, line: start });
  }
  tokens.push({ kind: 'end', text: 'the end of the file', line });
  return tokens;
}

/** An integer token's value: decimal, 0x… or 0… (octal). */
export function integerValue(text: string): bigint {
  return /^0[0-7]+$/.test(text) ? BigInt(`0o${text.slice(1)}`) : BigInt(text);
}
