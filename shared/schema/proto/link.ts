import { type FieldDesc, type MessageDesc, typeNumber } from '../descriptor/messages.ts';
import { within } from '../descriptor/symbols.ts';
import type { Problems } from '../problems.ts';
import { didYouMean } from '../suggest.ts';
import { jsonName } from './names.ts';
import type { Scope } from './scope.ts';
import type { ParsedFile } from './syntax.ts';

/**
 * Adds a file to the scope and resolves every type that it names: sets types, full type names and JSON names in place. Files come
 * after those they import.
 */
export function linkFile(file: ParsedFile, scope: Scope, problems: Problems): void {
  const linker = new Linker(file, scope, problems);
  linker.link();
}

class Linker {
  readonly #file: ParsedFile;
  readonly #scope: Scope;
  readonly #problems: Problems;

  constructor(file: ParsedFile, scope: Scope, problems: Problems) {
    this.#file = file;
    this.#scope = scope;
    this.#problems = problems;
  }

  link(): void {
    const { desc } = this.#file;
    this.#scope.add(desc, (symbol, taken) => {
      const at = symbol.kind === 'package' ? desc : symbol.desc;
      const where = taken.file === desc ? '' : ` in "${taken.file.name}"`;
      this.#fail(at, symbol.name, `"${symbol.name}" is already the name of ${words[taken.kind]}${where}.`);
    });
    const root = desc.package ?? '';
    for (const message of desc.messageType) this.#message(message, within(root, message.name));
    for (const field of desc.extension) this.#field(field, within(root, field.name));
    for (const service of desc.service) {
      const serviceName = within(root, service.name);
      for (const method of service.method) {
        const name = within(serviceName, method.name);
        method.inputType = this.#messageType(method, name, method.inputType);
        method.outputType = this.#messageType(method, name, method.outputType);
      }
    }
  }

  #fail(desc: object, name: string, message: string): void {
    const line = this.#file.meta.get(desc)?.line;
    const place = { file: this.#file.path, ...(line === undefined ? {} : { line }) };
    this.#problems.add('PROTO_INVALID', place, name, message);
  }

  #message(message: MessageDesc, name: string): void {
    for (const field of message.field) this.#field(field, within(name, field.name));
    for (const field of message.extension) this.#field(field, within(name, field.name));
    for (const nested of message.nestedType) this.#message(nested, within(name, nested.name));
  }

  #field(field: FieldDesc, name: string): void {
    field.jsonName ??= jsonName(field.name);
    if (field.extendee !== undefined) field.extendee = this.#messageType(field, name, field.extendee);
    if (field.typeName === undefined) return;
    const written = field.typeName;
    const symbol = this.#scope.resolve(written, name, this.#file.desc, true);
    if (symbol === undefined || (symbol.kind !== 'message' && symbol.kind !== 'enum')) {
      this.#unknown(field, name, written, symbol === undefined ? undefined : words[symbol.kind]);
      return;
    }
    field.typeName = `.${symbol.name}`;
    if (field.type === 0) field.type = symbol.kind === 'enum' ? typeNumber.enum : typeNumber.message;
    if (field.defaultValue === undefined) return;
    if (symbol.kind === 'message') this.#fail(field, name, `A message has no default ("${name}").`);
    else if (!symbol.desc.value.some((value) => value.name === field.defaultValue)) {
      const names = symbol.desc.value.map((value) => value.name);
      const hint = didYouMean(field.defaultValue, names);
      this.#fail(
        field,
        name,
        `Enum "${symbol.name}" has no value "${field.defaultValue}", the default of "${name}".${hint}`,
      );
    }
  }

  #messageType(desc: object, at: string, written: string): string {
    const symbol = this.#scope.resolve(written, at, this.#file.desc, true);
    if (symbol?.kind === 'message') return `.${symbol.name}`;
    this.#unknown(desc, at, written, symbol === undefined ? undefined : words[symbol.kind]);
    return written;
  }

  #unknown(desc: object, at: string, written: string, is: string | undefined): void {
    if (is !== undefined) {
      this.#fail(desc, at, `"${written}", used by "${at}", is ${is}, not a type that fits here.`);
      return;
    }
    const hider = this.#scope.hiddenBy(written, at, this.#file.desc);
    if (hider !== undefined) {
      const first = written.slice(0, written.indexOf('.'));
      this.#fail(
        desc,
        at,
        `"${written}", used by "${at}", is not defined: "${first}" is "${hider}" here. Did you mean ".${written}"?`,
      );
      return;
    }
    const other = this.#scope.undeclared(written, at, this.#file.desc);
    if (other !== undefined) {
      this.#fail(
        desc,
        at,
        `"${written}", used by "${at}", is defined in "${other}", which this file doesn't import.`,
      );
      return;
    }
    const last = written.slice(written.lastIndexOf('.') + 1);
    const names = [...this.#scope.names('message'), ...this.#scope.names('enum')];
    const close = names.find((name) => name.endsWith(`.${last}`)) ?? '';
    const hint =
      close === ''
        ? didYouMean(
            last,
            names.map((name) => name.slice(name.lastIndexOf('.') + 1)),
          )
        : ` Did you mean "${close}"?`;
    this.#fail(desc, at, `"${written}", used by "${at}", is not defined.${hint}`);
  }
}

const words = {
  package: 'a package',
  message: 'a message',
  field: 'a field',
  oneof: 'a oneof',
  enum: 'an enum',
  value: 'an enum value',
  service: 'a service',
  method: 'a method',
} as const;
