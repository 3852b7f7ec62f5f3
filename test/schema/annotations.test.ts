import test from 'ava';
import { mergeTable, scatterTable, scatterTargets } from '../../shared/schema/annotations.ts';
import type { Table } from '../../shared/schema/descriptor/codec.ts';
import { typeNames } from '../../shared/schema/descriptor/messages.ts';
import { jsonName } from '../../shared/schema/proto/names.ts';
import { compileText } from './compile-text.ts';

const { files } = compileText('syntax = "proto3"; import "regather/v1/annotations.proto";');
const [scatter, merge] = files.find(({ name }) => name === 'regather/v1/annotations.proto')!.messageType;

/** What a table reads, as "name number kind", with the messages within. */
function read(table: Table<object>, seen: readonly Table<object>[] = []): object {
  const columns = Object.entries(table.columns).map(([name, { number, kind }]) => {
    if (typeof kind !== 'function') return [`${name} ${number} ${kind}`, {}];
    const inner = kind();
    return [`${name} ${number} message`, seen.includes(inner) ? 'again' : read(inner, [...seen, table])];
  });
  return Object.fromEntries(columns);
}

/** The same of a message that annotations.proto declares. */
function declared(message: typeof merge, seen: readonly string[] = []): object {
  const fields = message!.field.map(({ name, number, type, typeName }) => {
    const kind = typeNames.get(type)!;
    const label = `${jsonName(name)} ${number} ${kind === 'enum' ? 'int32' : kind}`;
    const inner = [merge!, ...merge!.nestedType].find((one) => typeName?.endsWith(`.${one.name}`));
    if (kind !== 'message') return [label, {}];
    return [label, seen.includes(inner!.name) ? 'again' : declared(inner, [...seen, message!.name])];
  });
  return Object.fromEntries(fields);
}

test('what reads the annotations knows every field that annotations.proto declares', (t) => {
  t.deepEqual(read(scatterTable), declared(scatter));
  t.deepEqual(read(mergeTable), declared(merge));
  t.deepEqual(
    [...scatterTargets],
    scatter!.enumType[0]!.value.map(({ name }) => name),
  );
});
