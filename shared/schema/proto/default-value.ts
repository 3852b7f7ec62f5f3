import { typeNames } from '../descriptor/messages.ts';
import type { Value } from './syntax.ts';

const bounds: Readonly<Record<string, readonly [bigint, bigint]>> = {
  int32: [-(1n << 31n), (1n << 31n) - 1n],
  uint32: [0n, (1n << 32n) - 1n],
  int64: [-(1n << 63n), (1n << 63n) - 1n],
  uint64: [0n, (1n << 64n) - 1n],
};

/** The range of an integer type, by its .proto name; undefined if it is none. */
export function integerBounds(type: string): readonly [bigint, bigint] | undefined {
  const unsigned = type.startsWith('uint') || type.startsWith('fixed');
  if (!/^(s|u)?int(32|64)$|^s?fixed(32|64)$/.test(type)) return undefined;
  return bounds[`${unsigned ? 'uint' : 'int'}${type.endsWith('64') ? '64' : '32'}`];
}

/**
 * `value`, or a number that JavaScript rounds to what C rounds `value` to: exactly between two results C takes the even one,
 * JavaScript the larger.
 */
function rounded(value: number, digits: number): number {
  const exact = value.toExponential(100);
  const end = exact.indexOf('.') + digits;
  const rest = exact.slice(end, exact.indexOf('e'));
  const even = Number(exact[end - 1]) % 2 === 0;
  if (!even || !/^50*$/.test(rest)) return value;
  return Number(exact.slice(0, end) + exact.slice(exact.indexOf('e')));
}

/** C's %.<digits>g */
function shortest(value: number, digits: number): string {
  const [mantissa = '', exponent = ''] = rounded(value, digits)
    .toExponential(digits - 1)
    .split('e');
  const power = Number(exponent);
  const trim = (text: string): string => (text.includes('.') ? text.replace(/\.?0+$/, '') : text);
  if (power < -4 || power >= digits) {
    const size = Math.abs(power).toString().padStart(2, '0');
    return `${trim(mantissa)}e${power < 0 ? '-' : '+'}${size}`;
  }
  return trim(rounded(value, digits).toFixed(digits - 1 - power));
}

/** A double as protoc writes it in default_value. */
function doubleText(value: number, float: boolean): string {
  if (Number.isNaN(value)) return 'nan';
  if (value === Infinity) return 'inf';
  if (value === -Infinity) return '-inf';
  if (Object.is(value, -0)) return '-0';
  if (!float) {
    const short = shortest(value, 15);
    return Number(short) === value ? short : shortest(value, 17);
  }
  const single = Math.fround(value);
  if (single === Infinity || single === -Infinity) return single > 0 ? 'inf' : '-inf';
  const short = shortest(single, 6);
  return Math.fround(Number(short)) === single ? short : shortest(single, 9);
}

/** A bytes default: C escapes, every byte beyond ASCII in octal. */
function escaped(latin1: string): string {
  const named: Readonly<Record<string, string>> = {
    '\n': '\\n',
    '\r': '\\r',
    '\t': '\\t',
    '"': '\\"',
    "'": "\\'",
    '\\': '\\\\',
  };
  let out = '';
  for (const char of latin1) {
    const code = char.charCodeAt(0);
    out += named[char] ?? (code < 32 || code > 126 ? `\\${code.toString(8).padStart(3, '0')}` : char);
  }
  return out;
}

export function floatValue(value: Value): number | undefined {
  if (value.kind === 'float') return value.value;
  if (value.kind === 'integer') return Number(value.value);
  if (value.kind !== 'identifier') return undefined;
  const sign = value.negative ? -1 : 1;
  const word = value.text.toLowerCase();
  if (word === 'inf' || word === 'infinity') return sign * Infinity;
  return word === 'nan' ? Number.NaN : undefined;
}

/** What FieldDescriptorProto.default_value says for a `[default = …]`; undefined: it doesn't fit. `type` 0: an enum. */
export function defaultText(type: number, value: Value): string | undefined {
  const name = typeNames.get(type) ?? 'enum';
  const range = integerBounds(name);
  if (range !== undefined) {
    const integer =
      value.kind === 'integer' ? value.value : Object.is(floatValue(value), -0) ? 0n : undefined;
    return integer !== undefined && integer >= range[0] && integer <= range[1] ? String(integer) : undefined;
  }
  if (name === 'double' || name === 'float') {
    const number = floatValue(value);
    return number === undefined ? undefined : doubleText(number, name === 'float');
  }
  if (name === 'string' || name === 'bytes') {
    if (value.kind !== 'string') return undefined;
    return name === 'bytes' ? escaped(value.text) : Buffer.from(value.text, 'latin1').toString('utf8');
  }
  if (value.kind !== 'identifier' || value.negative || name === 'message' || name === 'group')
    return undefined;
  if (name === 'bool') return value.text === 'true' || value.text === 'false' ? value.text : undefined;
  return value.text;
}
