/** What JSON needs to know of a schema beside the messages' shapes: the enums' values. */
import type { EnumDesc, MessageDesc } from '../../shared/schema/descriptor/messages.ts';
import { within } from '../../shared/schema/descriptor/symbols.ts';
import type { Descriptors } from '../../shared/schema/descriptors.ts';
import type { MessageShape } from '../../shared/schema/plan.ts';
import { Shapes } from '../../shared/schema/shapes.ts';

export interface EnumType {
  readonly numbers: ReadonlyMap<string, number>;
  readonly names: ReadonlyMap<number, string>;
}

export class JsonTypes {
  readonly #shapes: Shapes;
  readonly #enums = new Map<string, EnumType>();

  constructor(descriptors: Descriptors) {
    this.#shapes = new Shapes(descriptors);
    for (const file of descriptors.files) {
      const scope = file.package ?? '';
      for (const desc of file.enumType) this.#addEnum(scope, desc);
      for (const desc of file.messageType) this.#addMessage(scope, desc);
    }
  }

  message(name: string): MessageShape {
    return this.#shapes.message(name);
  }

  enum(name: string): EnumType | undefined {
    return this.#enums.get(name);
  }

  #addMessage(scope: string, desc: MessageDesc): void {
    const name = within(scope, desc.name);
    for (const one of desc.enumType) this.#addEnum(name, one);
    for (const nested of desc.nestedType) this.#addMessage(name, nested);
  }

  #addEnum(scope: string, desc: EnumDesc): void {
    const numbers = new Map<string, number>();
    const names = new Map<number, string>();
    for (const { name, number } of desc.value) {
      numbers.set(name, number);
      // Of aliases the first is the one to show.
      if (!names.has(number)) names.set(number, name);
    }
    this.#enums.set(within(scope, desc.name), { numbers, names });
  }
}

/** protoc's rule for JSON names: "delay_avg" → "delayAvg". */
export function jsonName(name: string): string {
  return name.replace(/_+([a-zA-Z0-9])/g, (_all, letter: string) => letter.toUpperCase()).replaceAll('_', '');
}
