import type { EnumDesc, FieldDesc, FileDesc, MessageDesc } from '../descriptor/messages.ts';
import { within } from '../descriptor/symbols.ts';

/** Something that takes options. */
export interface Element {
  readonly desc: { options?: Uint8Array };
  /** Full name; a file's own scope for the file. */
  readonly name: string;
  /** "FieldOptions" */
  readonly optionType: string;
  readonly field?: FieldDesc;
}

/** Everything in a file that takes options, in the order of the file. */
export function* elements(file: FileDesc): Generator<Element> {
  const root = file.package ?? '';
  // A file has no name of its own in its package: options resolve as from a neighbour of its messages.
  yield { desc: file, name: within(root, 'file'), optionType: 'FileOptions' };
  for (const message of file.messageType) yield* messageElements(message, within(root, message.name));
  for (const desc of file.enumType) yield* enumElements(desc, root);
  for (const field of file.extension) yield fieldElement(field, root);
  for (const service of file.service) {
    const name = within(root, service.name);
    yield { desc: service, name, optionType: 'ServiceOptions' };
    for (const desc of service.method)
      yield { desc, name: within(name, desc.name), optionType: 'MethodOptions' };
  }
}

function fieldElement(field: FieldDesc, scope: string): Element {
  return { desc: field, name: within(scope, field.name), optionType: 'FieldOptions', field };
}

function* messageElements(message: MessageDesc, name: string): Generator<Element> {
  yield { desc: message, name, optionType: 'MessageOptions' };
  for (const field of message.field) yield fieldElement(field, name);
  for (const desc of message.oneofDecl)
    yield { desc, name: within(name, desc.name), optionType: 'OneofOptions' };
  for (const desc of message.extensionRange) yield { desc, name, optionType: 'ExtensionRangeOptions' };
  for (const nested of message.nestedType) yield* messageElements(nested, within(name, nested.name));
  for (const desc of message.enumType) yield* enumElements(desc, name);
  for (const field of message.extension) yield fieldElement(field, name);
}

function* enumElements(desc: EnumDesc, scope: string): Generator<Element> {
  yield { desc, name: within(scope, desc.name), optionType: 'EnumOptions' };
  for (const value of desc.value) {
    yield { desc: value, name: within(scope, value.name), optionType: 'EnumValueOptions' };
  }
}
