import { decode, many, type Table } from './codec.ts';
import type { EnumDesc, FileDesc, MessageDesc } from './messages.ts';
import { within } from './symbols.ts';

interface Location {
  path: number[];
  span: number[];
}

const locationTable: Table<Location> = {
  fresh: () => ({ path: [], span: [] }),
  columns: { path: many(1, 'int32'), span: many(2, 'int32') },
};

const infoTable: Table<{ location: Location[] }> = {
  fresh: () => ({ location: [] }),
  columns: { location: many(1, () => locationTable) },
};

/** Lines (from 1) of a file's messages, fields, services and methods by full name, from its source info, if it has any. */
export function sourceLines(file: FileDesc): Map<string, number> {
  const lines = new Map<string, number>();
  if (file.sourceCodeInfo === undefined) return lines;
  const byPath = new Map<string, number>();
  for (const { path, span } of decode(infoTable, file.sourceCodeInfo).location) {
    const [line] = span;
    if (line !== undefined && !byPath.has(path.join())) byPath.set(path.join(), line + 1);
  }
  const note = (name: string, path: readonly number[]): void => {
    const line = byPath.get(path.join());
    if (line !== undefined) lines.set(name, line);
  };
  const enumeration = (desc: EnumDesc, scope: string, path: readonly number[]): void => {
    note(within(scope, desc.name), path);
  };
  const message = (desc: MessageDesc, scope: string, path: readonly number[]): void => {
    const name = within(scope, desc.name);
    note(name, path);
    for (const [i, field] of desc.field.entries()) note(within(name, field.name), [...path, 2, i]);
    for (const [i, nested] of desc.nestedType.entries()) message(nested, name, [...path, 3, i]);
    for (const [i, type] of desc.enumType.entries()) enumeration(type, name, [...path, 4, i]);
  };
  const root = file.package ?? '';
  for (const [i, desc] of file.messageType.entries()) message(desc, root, [4, i]);
  for (const [i, desc] of file.enumType.entries()) enumeration(desc, root, [5, i]);
  for (const [i, service] of file.service.entries()) {
    const name = within(root, service.name);
    note(name, [6, i]);
    for (const [j, method] of service.method.entries()) note(within(name, method.name), [6, i, 2, j]);
  }
  return lines;
}
