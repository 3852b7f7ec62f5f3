import type {
  EnumDesc,
  EnumValueDesc,
  FieldDesc,
  FileDesc,
  MessageDesc,
  MethodDesc,
  OneofDesc,
  ServiceDesc,
} from './messages.ts';

export type NamedSymbol = { readonly name: string; readonly file: FileDesc } & (
  | { readonly kind: 'package' }
  | { readonly kind: 'message'; readonly desc: MessageDesc }
  /** `parent`: the message it stands in; for an extension that is only its scope. */
  | { readonly kind: 'field'; readonly desc: FieldDesc; readonly parent: MessageDesc | undefined }
  | { readonly kind: 'oneof'; readonly desc: OneofDesc }
  | { readonly kind: 'enum'; readonly desc: EnumDesc }
  | { readonly kind: 'value'; readonly desc: EnumValueDesc; readonly parent: EnumDesc }
  | { readonly kind: 'service'; readonly desc: ServiceDesc }
  | { readonly kind: 'method'; readonly desc: MethodDesc }
);

/** Everything that a file names, in the order of the file, with full names without a leading dot. */
export function* symbolsOf(file: FileDesc): Generator<NamedSymbol> {
  const root = file.package ?? '';
  for (let dot = root.indexOf('.'); root !== ''; dot = root.indexOf('.', dot + 1)) {
    yield { kind: 'package', name: dot < 0 ? root : root.slice(0, dot), file };
    if (dot < 0) break;
  }
  for (const message of file.messageType) yield* messageSymbols(file, root, message);
  for (const desc of file.enumType) yield* enumSymbols(file, root, desc);
  for (const desc of file.extension)
    yield { kind: 'field', name: within(root, desc.name), file, desc, parent: undefined };
  for (const desc of file.service) {
    const name = within(root, desc.name);
    yield { kind: 'service', name, file, desc };
    for (const method of desc.method)
      yield { kind: 'method', name: within(name, method.name), file, desc: method };
  }
}

export const within = (scope: string, name: string): string => (scope === '' ? name : `${scope}.${name}`);

function* messageSymbols(file: FileDesc, scope: string, message: MessageDesc): Generator<NamedSymbol> {
  const name = within(scope, message.name);
  yield { kind: 'message', name, file, desc: message };
  for (const desc of message.oneofDecl) yield { kind: 'oneof', name: within(name, desc.name), file, desc };
  for (const desc of message.field)
    yield { kind: 'field', name: within(name, desc.name), file, desc, parent: message };
  for (const nested of message.nestedType) yield* messageSymbols(file, name, nested);
  for (const desc of message.enumType) yield* enumSymbols(file, name, desc);
  for (const desc of message.extension)
    yield { kind: 'field', name: within(name, desc.name), file, desc, parent: message };
}

function* enumSymbols(file: FileDesc, scope: string, desc: EnumDesc): Generator<NamedSymbol> {
  yield { kind: 'enum', name: within(scope, desc.name), file, desc };
  // As in C++, the values of an enum are siblings of the enum.
  for (const value of desc.value)
    yield { kind: 'value', name: within(scope, value.name), file, desc: value, parent: desc };
}
