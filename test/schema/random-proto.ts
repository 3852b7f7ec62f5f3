/** Prints a random valid .proto: everything that it decides it decides by `pick(n)`, a number from 0 to n - 1. */
export function randomProto(pick: (n: number) => number): string {
  return new Printer(pick).file();
}

interface Node {
  readonly name: string;
  /** Full name, without a leading dot. */
  readonly full: string;
  readonly nested: Node[];
  readonly enums: { name: string; full: string; values: string[] }[];
}

const scalars = [
  ...['double', 'float', 'int32', 'int64', 'uint32', 'uint64', 'sint32', 'sint64', 'fixed32', 'fixed64'],
  ...['sfixed32', 'sfixed64', 'bool', 'string', 'bytes'],
];
const keyTypes = [
  'int32',
  'int64',
  'uint32',
  'uint64',
  'sint32',
  'sint64',
  'fixed32',
  'sfixed64',
  'bool',
  'string',
];
// Each name gets a number of its own at the end, so that none hides another.
const styles = [
  'f',
  'some_field',
  'someField',
  '_lead',
  'a__b',
  'UPPER_Case',
  'message',
  'x_1_y',
  'optional',
  'to',
];

class Printer {
  readonly #pick: (n: number) => number;
  readonly #proto3: boolean;
  readonly #package: string;
  readonly #messages: Node[] = [];
  readonly #enums: Node['enums'] = [];
  #count = 0;

  constructor(pick: (n: number) => number) {
    this.#pick = pick;
    this.#proto3 = pick(2) === 0;
    this.#package = ['', 'a', 'acme.v1', 'a.b.c.d'][pick(4)]!;
  }

  #one<T>(list: readonly T[]): T {
    return list[this.#pick(list.length)]!;
  }

  #chance(outOf: number): boolean {
    return this.#pick(outOf) === 0;
  }

  #name(style: string): string {
    this.#count++;
    return `${style}${this.#count}`;
  }

  file(): string {
    const lines = [`syntax = "${this.#proto3 ? 'proto3' : 'proto2'}";`];
    if (this.#package !== '') lines.push(`package ${this.#package};`);
    lines.push('import "google/protobuf/descriptor.proto";');
    if (this.#chance(2)) lines.push(`option java_package = "x" '\\x41${this.#pick(8)}';`);
    if (this.#chance(2)) lines.push('option optimize_for = CODE_SIZE;');
    const top = Array.from({ length: 1 + this.#pick(3) }, () => this.#tree(this.#package, 0));
    const enums = Array.from({ length: this.#pick(2) }, () => this.#enum(this.#package));
    const option = this.#customOption();
    lines.push(option.text);
    for (const desc of enums) lines.push(this.#printEnum(desc, ''));
    for (const node of top) lines.push(this.#message(node, '', option.uses));
    lines.push(this.#service());
    return `${lines.join('\n')}\n`;
  }

  #tree(scope: string, depth: number): Node {
    const name = this.#name('M');
    const full = scope === '' ? name : `${scope}.${name}`;
    const node: Node = { name, full, nested: [], enums: [] };
    this.#messages.push(node);
    for (let i = depth < 2 ? this.#pick(3) : 0; i > 0; i--) node.nested.push(this.#tree(full, depth + 1));
    if (this.#chance(2)) node.enums.push(this.#enum(full));
    return node;
  }

  #enum(scope: string): Node['enums'][number] {
    const name = this.#name('E');
    const values = Array.from({ length: 1 + this.#pick(3) }, () => this.#name('V'));
    const desc = { name, full: scope === '' ? name : `${scope}.${name}`, values };
    this.#enums.push(desc);
    return desc;
  }

  #printEnum({ name, values }: Node['enums'][number], indent: string): string {
    const alias = this.#chance(3)
      ? `${indent}  option allow_alias = true;\n${indent}  ${this.#name('V')} = 0;\n`
      : '';
    const lines = values.map((value, i) => {
      const number =
        i === 0
          ? '0'
          : this.#one([String(i), `-${i}`, `0x${(i + 16).toString(16)}`, `0${(i + 64).toString(8)}`]);
      return `${indent}  ${value} = ${number}${this.#chance(4) ? ' [deprecated = true]' : ''};\n`;
    });
    const reserved = this.#chance(3) ? `${indent}  reserved 1000 to max, -9; reserved "GONE";\n` : '';
    // An alias needs the other value of 0 to be there already.
    return `${indent}enum ${name} {\n${lines[0]}${alias}${lines.slice(1).join('')}${reserved}${indent}}`;
  }

  /** A custom option of fields, and how it may be set. */
  #customOption(): { text: string; uses: readonly string[] } {
    const message = this.#name('O');
    const name = this.#name('opt');
    const label = this.#proto3 ? '' : 'optional ';
    const text = `message ${message} { ${label}int32 i = 1; ${label}string s = 2; repeated sint64 l = 3; ${label}${message} m = 4; }
extend google.protobuf.FieldOptions { ${this.#proto3 ? 'optional' : 'optional'} ${message} ${name} = ${50000 + this.#pick(9000)}; }`;
    const way = this.#one([name, this.#package === '' ? `.${name}` : `.${this.#package}.${name}`]);
    return {
      text,
      uses: [
        `(${way}).i = -${this.#pick(1000)}, (${way}).m.s = "a\\n\\377b"`.replace('\\377', ''),
        `(${way}) = { i: 0x${this.#pick(255).toString(16)} l: [-1, 2] m { s: "x" 'y' m: < > } }`,
        `(${way}).l = 1, (${way}).l = -2, deprecated = true`,
        `(${way}) = { }, (${way}).i = 1`,
      ],
    };
  }

  #message(node: Node, indent: string, options: readonly string[]): string {
    const inner = `${indent}  `;
    const lines: string[] = [];
    let number = 0;
    const next = (): string => {
      number += 1 + (this.#chance(5) ? this.#pick(300) : 0);
      return String(number);
    };
    for (let i = this.#pick(6); i > 0; i--) lines.push(`${inner}${this.#field(node, next(), options)}`);
    if (this.#chance(3)) {
      const members = Array.from({ length: 1 + this.#pick(3) }, () => {
        return `${inner}  ${this.#type(node)} ${this.#name(this.#one(styles))} = ${next()}${this.#brackets(options)};`;
      });
      lines.push(`${inner}oneof ${this.#name('either')} {\n${members.join('\n')}\n${inner}}`);
    }
    for (const nested of node.nested)
      lines.splice(this.#pick(lines.length + 1), 0, this.#message(nested, inner, options));
    for (const desc of node.enums)
      lines.splice(this.#pick(lines.length + 1), 0, this.#printEnum(desc, inner));
    if (this.#chance(3))
      lines.push(
        `${inner}reserved ${number + 1}, ${number + 5} to ${number + 9};`,
        `${inner}reserved "a", 'b';`,
      );
    if (!this.#proto3 && this.#chance(3)) {
      lines.push(`${inner}extensions ${number + 10} to ${number + 20}, ${number + 100} to max;`);
      lines.push(
        `${inner}extend ${node.full} { optional ${this.#one(scalars)} ${this.#name('ext')} = ${number + 12}; }`,
      );
    }
    return `${indent}message ${node.name} {${this.#chance(5) ? ' option deprecated = true;' : ''}\n${lines.join('\n')}\n${indent}}`;
  }

  #brackets(options: readonly string[]): string {
    if (!this.#chance(4)) return '';
    return ` [${this.#one([...options, 'deprecated = true', `json_name = "${this.#name('j')}"`])}]`;
  }

  #field(node: Node, number: string, options: readonly string[]): string {
    const name = this.#name(this.#one(styles));
    const kind = this.#pick(8);
    if (kind === 0) {
      return `map<${this.#one(keyTypes)}, ${this.#type(node)}> ${name} = ${number}${this.#brackets(options)};`;
    }
    if (kind === 1) {
      const type = this.#one(scalars.filter((scalar) => scalar !== 'string' && scalar !== 'bytes'));
      return `repeated ${type} ${name} = ${number} [packed = ${this.#one(['true', 'false'])}];`;
    }
    if (kind === 2 && !this.#proto3) {
      return `${this.#one(['optional', 'repeated'])} group ${this.#name('Group')} = ${number} { optional ${this.#type(node)} x = 1; }`;
    }
    if (kind === 3 && !this.#proto3) return `optional ${this.#withDefault(name, number)}`;
    const label = this.#proto3
      ? this.#one(['', '', 'optional ', 'repeated '])
      : this.#one(['optional ', 'repeated ', 'required ']);
    return `${label}${this.#type(node)} ${name} = ${number}${this.#brackets(options)};`;
  }

  #withDefault(name: string, number: string): string {
    const integer = this.#pick(2 ** 31);
    const desc = this.#enums.length === 0 ? undefined : this.#one(this.#enums);
    const [type, value] = this.#one([
      ['int32', `-${integer}`],
      ['uint64', `0x${integer.toString(16)}`],
      ['double', `${integer}.${this.#pick(1000)}e${this.#pick(40) - 20}`],
      ['float', `-${this.#pick(1000)}.${integer}`],
      ['double', this.#one(['inf', '-inf', 'nan', '-0.0', '1e22', '.5', '5.'])],
      ['bool', this.#one(['true', 'false'])],
      ['string', `"q\\"\\u00e9\\${this.#pick(8)}"`],
      ['bytes', `"\\x${(16 + this.#pick(200)).toString(16)}\\n'\\001"`],
      desc === undefined ? ['sint64', '-1'] : [`.${desc.full}`, this.#one(desc.values)],
    ] as const);
    return `${type} ${name} = ${number} [default = ${value}];`;
  }

  /** A scalar, or a message or enum of the file, written whole or as far as its scope needs. */
  #type(node: Node): string {
    const kind = this.#pick(4);
    if (kind > 1) return this.#one(scalars);
    const full =
      kind === 1 && this.#enums.length > 0 ? this.#one(this.#enums).full : this.#one(this.#messages).full;
    if (this.#chance(3)) return `.${full}`;
    // From here on outwards, any scope that both are in may be left out.
    for (let scope = node.full; scope !== ''; scope = scope.slice(0, Math.max(0, scope.lastIndexOf('.')))) {
      if (full.startsWith(`${scope}.`) && this.#chance(2)) return full.slice(scope.length + 1);
    }
    return full;
  }

  #service(): string {
    const message = (): string => `${this.#one(['', 'stream '])}.${this.#one(this.#messages).full}`;
    const methods = Array.from({ length: this.#pick(4) }, () => {
      const end = this.#one([
        ';',
        '{}',
        '{ option deprecated = true; }',
        '{ option idempotency_level = IDEMPOTENT; };',
      ]);
      return `  rpc ${this.#name('R')}(${message()}) returns (${message()}) ${end}`;
    });
    return `service ${this.#name('S')} {\n${methods.join('\n')}\n}`;
  }
}
