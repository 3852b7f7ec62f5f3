import { concat } from '../descriptor/codec.ts';
import { type FieldDesc, label, typeNames } from '../descriptor/messages.ts';
import type { Problems } from '../problems.ts';
import { didYouMean } from '../suggest.ts';
import type { Element } from './elements.ts';
import { enter, type MessageSymbol, OptionError, SetFields, ValueEncoder } from './option-values.ts';
import { messageRecord } from './scalar-value.ts';
import type { Scope } from './scope.ts';
import { type NamePart, nameText, type ParsedFile, type RawOption } from './syntax.ts';

/**
 * Turns an element's raw options into the bytes of its options message, as protoc does: declared options by number, then extensions
 * in the order of the statements, one record for each statement. Unlike protoc it also refuses two statements that set two
 * members of one oneof.
 */
export class OptionInterpreter {
  readonly #scope: Scope;
  readonly #values: ValueEncoder;
  readonly #problems: Problems;

  /** `builtin` has descriptor.proto, for files that don't import it. */
  constructor(scope: Scope, builtin: Scope, problems: Problems) {
    this.#scope = scope;
    this.#values = new ValueEncoder(scope, builtin);
    this.#problems = problems;
  }

  interpret(file: ParsedFile, element: Element, options: readonly RawOption[]): Uint8Array {
    const set = new SetFields();
    const declared: { number: number; bytes: Uint8Array }[] = [];
    const extensions: Uint8Array[] = [];
    const type = this.#values.message(`google.protobuf.${element.optionType}`)!;
    for (const option of options) {
      try {
        const { number, bytes } = this.#statement(file, element, type, option, set);
        if (option.name[0]!.extension) extensions.push(bytes);
        else declared.push({ number, bytes });
      } catch (error) {
        if (!(error instanceof OptionError)) throw error;
        const message = `${error.message} (on "${element.name}")`;
        this.#problems.add('PROTO_INVALID', { file: file.path, line: error.line }, element.name, message);
      }
    }
    declared.sort((a, b) => a.number - b.number);
    return concat([...declared.map(({ bytes }) => bytes), ...extensions]);
  }

  #statement(
    file: ParsedFile,
    element: Element,
    type: MessageSymbol,
    option: RawOption,
    set: SetFields,
  ): { number: number; bytes: Uint8Array } {
    const { line } = option;
    let container = type;
    let state = set;
    const above: FieldDesc[] = [];
    for (const [index, part] of option.name.entries()) {
      const text = nameText(option.name.slice(0, index + 1));
      const field = part.extension
        ? this.#extension(file, element, container, part, text, line)
        : this.#member(
            container,
            part.text,
            index === 0 ? `option "${text}"` : `"${text}"`,
            index === 0,
            line,
          );
      const last = index === option.name.length - 1;
      const child = enter(state, container.desc, field, text, last, line);
      if (last) {
        let bytes = this.#values.record(field, option.value, child, text, false);
        for (const outer of above.reverse())
          bytes = messageRecord(outer.number, typeNames.get(outer.type)!, bytes);
        return { number: above[above.length - 1]?.number ?? field.number, bytes };
      }
      const next = field.typeName === undefined ? undefined : this.#values.message(field.typeName);
      if (next === undefined) {
        throw new OptionError(
          `"${text}" is of type ${typeNames.get(field.type)} and has no fields to set.`,
          line,
        );
      }
      if (field.label === label.repeated) {
        throw new OptionError(`"${text}" is repeated: set each message whole, in braces.`, line);
      }
      above.push(field);
      container = next;
      state = child;
    }
    throw new OptionError('An option without a name.', line);
  }

  #member(container: MessageSymbol, name: string, what: string, top: boolean, line: number): FieldDesc {
    const field = container.desc.field.find((candidate) => candidate.name === name);
    if (top && name === 'uninterpreted_option') throw new OptionError(`"${name}" can't be set.`, line);
    if (field !== undefined) return field;
    const names = container.desc.field
      .map((candidate) => candidate.name)
      .filter((n) => n !== 'uninterpreted_option');
    const hint = didYouMean(name, names);
    if (!top)
      throw new OptionError(`Unknown ${what}: ${container.name} has no field "${name}".${hint}`, line);
    const custom = hint === '' ? ' Custom options stand in parentheses: "(regather.v1.merge)".' : hint;
    throw new OptionError(`Unknown ${what}.${custom}`, line);
  }

  #extension(
    file: ParsedFile,
    element: Element,
    container: MessageSymbol,
    part: NamePart,
    text: string,
    line: number,
  ): FieldDesc {
    const symbol = this.#scope.resolve(part.text, element.name, file.desc);
    if (symbol === undefined) {
      const other = this.#scope.undeclared(part.text, element.name, file.desc);
      if (other !== undefined) {
        throw new OptionError(
          `Option "${text}" is defined in "${other}", which this file doesn't import.`,
          line,
        );
      }
      throw new OptionError(
        `Unknown option "${text}".${this.#suggestExtension(part.text, container, file)}`,
        line,
      );
    }
    if (symbol.kind !== 'field' || symbol.desc.extendee === undefined) {
      throw new OptionError(`"${text}" is a ${symbol.kind}, not an option.`, line);
    }
    if (symbol.desc.extendee !== `.${container.name}`) {
      const extendee = symbol.desc.extendee.slice(1);
      throw new OptionError(
        `Option "${text}" extends ${extendee}, not ${container.name}: it can't stand here.`,
        line,
      );
    }
    return symbol.desc;
  }

  #suggestExtension(written: string, container: MessageSymbol, file: ParsedFile): string {
    const fitting = this.#scope.names('field').filter((name) => {
      const symbol = this.#scope.visible(name, file.desc);
      return symbol?.kind === 'field' && symbol.desc.extendee === `.${container.name}`;
    });
    const last = (name: string): string => name.slice(name.lastIndexOf('.') + 1);
    const same = fitting.find((name) => last(name) === last(written));
    if (same !== undefined) return ` Did you mean "(${same})"?`;
    const hint = didYouMean(last(written), fitting.map(last));
    if (hint !== '') {
      const name = fitting.find((candidate) => hint.includes(`"${last(candidate)}"`));
      return ` Did you mean "(${name})"?`;
    }
    return file.imports.has('regather/v1/annotations.proto') || !/regather|merge|scatter/.test(written)
      ? ''
      : ' Does the file lack import "regather/v1/annotations.proto"?';
  }
}
