import { records, WireError } from './codec.ts';
import { type FieldDesc, type FileDesc, type MessageDesc, typeNames, typeNumber } from './messages.ts';
import { symbolsOf, within } from './symbols.ts';

/**
 * What is wrong with descriptors that come ready made, so that nothing later meets a name that leads nowhere or options that
 * don't decode; undefined if nothing is. Compilers write no such sets: it takes a damaged file, or one that was made by hand.
 */
export function defectOf(files: readonly FileDesc[]): string | undefined {
  const messages = new Set<string>();
  const enums = new Set<string>();
  for (const file of files) {
    for (const { kind, name } of symbolsOf(file)) {
      if (kind === 'message') messages.add(`.${name}`);
      else if (kind === 'enum') enums.add(`.${name}`);
    }
  }

  const field = (desc: FieldDesc, name: string, oneofs: number): string | undefined => {
    const { type, typeName } = desc;
    if (!typeNames.has(type)) return `"${name}" has type ${type}, which isn't one`;
    if (desc.label < 1 || desc.label > 3) return `"${name}" has label ${desc.label}, which isn't one`;
    const message = type === typeNumber.message || type === typeNumber.group;
    if (message && !messages.has(typeName ?? ''))
      return `"${name}" is of message "${typeName ?? ''}", which isn't there`;
    if (type === typeNumber.enum && !enums.has(typeName ?? ''))
      return `"${name}" is of enum "${typeName ?? ''}", which isn't there`;
    if ((desc.oneofIndex ?? 0) < 0 || (desc.oneofIndex ?? -1) >= oneofs)
      return `"${name}" is in a oneof that isn't there`;
    return badOptions(desc, name);
  };
  const message = (desc: MessageDesc, name: string): string | undefined => {
    const own = badOptions(desc, name);
    if (own !== undefined) return own;
    for (const inside of desc.field) {
      const defect = field(inside, within(name, inside.name), desc.oneofDecl.length);
      if (defect !== undefined) return defect;
    }
    for (const nested of desc.nestedType) {
      const defect = message(nested, within(name, nested.name));
      if (defect !== undefined) return defect;
    }
    return undefined;
  };

  for (const file of files) {
    const root = file.package ?? '';
    const own = badOptions(file, file.name);
    if (own !== undefined) return own;
    for (const desc of file.messageType) {
      const defect = message(desc, within(root, desc.name));
      if (defect !== undefined) return defect;
    }
    for (const service of file.service) {
      for (const method of service.method) {
        const name = `${within(root, service.name)}.${method.name}`;
        for (const type of [method.inputType, method.outputType]) {
          if (!messages.has(type)) return `"${name}" names message "${type}", which isn't there`;
        }
        const defect = badOptions(method, name);
        if (defect !== undefined) return defect;
      }
    }
  }
  return undefined;
}

function badOptions(desc: { readonly options?: Uint8Array }, name: string): string | undefined {
  if (desc.options === undefined) return undefined;
  try {
    records(desc.options);
    return undefined;
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return `the options of "${name}" don't decode (${error.message})`;
  }
}
