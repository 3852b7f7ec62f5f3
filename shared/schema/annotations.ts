/** regather/v1/annotations.proto, read from the bytes of options. */
import { decode, one, records, type Table } from './descriptor/codec.ts';

/** Of both extensions, on methods and on fields. */
const annotationNumber = 57077;

export interface ScatterOptions {
  to: number;
  key: string;
  timeoutMs: number;
  maxTimeoutMs: number;
  minCoverage: number;
  leaf: string;
  maxAnswerBytes: number;
  quorum: number;
  minCoverageFloor: number;
}

export interface MergeOptions {
  sum?: object;
  min?: object;
  max?: object;
  any?: object;
  all?: object;
  avg?: { sum: string; count: string };
  first?: object;
  same?: object;
  concat?: object;
  union?: { by: string };
  top?: TopOptions;
  group?: GroupOptions;
  map?: { values?: MergeOptions };
  align?: { by: string };
  custom?: { name: string; options: string };
}

export interface TopOptions {
  by: string;
  limit: string;
  offset: string;
  defaultLimit: number;
  maxWindow: number;
}

export interface GroupOptions extends TopOptions {
  order: string;
  orderFrom: string;
}

export const scatterTargets = ['TO_UNSPECIFIED', 'ALL', 'KEY', 'SPLIT', 'ANY', 'NONE'] as const;

const emptyTable: Table<object> = { fresh: () => ({}), columns: {} };
const empty = (number: number) => one(number, () => emptyTable);

export const scatterTable: Table<ScatterOptions> = {
  fresh: () => ({
    to: 0,
    key: '',
    timeoutMs: 0,
    maxTimeoutMs: 0,
    minCoverage: 0,
    leaf: '',
    maxAnswerBytes: 0,
    quorum: 0,
    minCoverageFloor: 0,
  }),
  columns: {
    to: one(1, 'int32'),
    key: one(2, 'string'),
    timeoutMs: one(3, 'uint32'),
    maxTimeoutMs: one(4, 'uint32'),
    minCoverage: one(5, 'double'),
    leaf: one(6, 'string'),
    maxAnswerBytes: one(7, 'uint32'),
    quorum: one(8, 'uint32'),
    minCoverageFloor: one(9, 'double'),
  },
};

const avgTable: Table<{ sum: string; count: string }> = {
  fresh: () => ({ sum: '', count: '' }),
  columns: { sum: one(1, 'string'), count: one(2, 'string') },
};

const byTable: Table<{ by: string }> = { fresh: () => ({ by: '' }), columns: { by: one(1, 'string') } };

const topTable: Table<TopOptions> = {
  fresh: () => ({ by: '', limit: '', offset: '', defaultLimit: 0, maxWindow: 0 }),
  columns: {
    by: one(1, 'string'),
    limit: one(2, 'string'),
    offset: one(3, 'string'),
    defaultLimit: one(4, 'uint32'),
    maxWindow: one(5, 'uint32'),
  },
};

const groupTable: Table<GroupOptions> = {
  fresh: () => ({ by: '', order: '', orderFrom: '', limit: '', offset: '', defaultLimit: 0, maxWindow: 0 }),
  columns: {
    by: one(1, 'string'),
    order: one(2, 'string'),
    orderFrom: one(3, 'string'),
    limit: one(4, 'string'),
    offset: one(5, 'string'),
    defaultLimit: one(6, 'uint32'),
    maxWindow: one(7, 'uint32'),
  },
};

const customTable: Table<{ name: string; options: string }> = {
  fresh: () => ({ name: '', options: '' }),
  columns: { name: one(1, 'string'), options: one(2, 'string') },
};

const mapTable: Table<{ values?: MergeOptions }> = {
  fresh: () => ({}),
  columns: { values: one(1, () => mergeTable) },
};

export const mergeTable: Table<MergeOptions> = {
  fresh: () => ({}),
  columns: {
    sum: empty(1),
    min: empty(2),
    max: empty(3),
    any: empty(4),
    all: empty(5),
    avg: one(6, () => avgTable),
    first: empty(7),
    same: empty(8),
    concat: empty(9),
    union: one(10, () => byTable),
    top: one(11, () => topTable),
    group: one(12, () => groupTable),
    map: one(13, () => mapTable),
    align: one(14, () => byTable),
    custom: one(15, () => customTable),
  },
};

/** `unknown`: a field number that this version of the annotations doesn't have, so that nothing is passed over in silence. */
export interface Annotation<T> {
  readonly value: T;
  readonly unknown: number | undefined;
}

export const readScatter = (options: Uint8Array | undefined): Annotation<ScatterOptions> | undefined =>
  read(scatterTable, options);

export const readMerge = (options: Uint8Array | undefined): Annotation<MergeOptions> | undefined =>
  read(mergeTable, options);

function read<T extends object>(table: Table<T>, options: Uint8Array | undefined): Annotation<T> | undefined {
  if (options === undefined) return undefined;
  let value: T | undefined;
  let unknown: number | undefined;
  // An option may come in several records, one for each statement that set a part of it.
  for (const record of records(options)) {
    if (record.number !== annotationNumber || record.wireType !== 2) continue;
    value = decode(table, record.bytes, value ?? table.fresh());
    unknown ??= unknownField(table, record.bytes);
  }
  return value === undefined ? undefined : { value, unknown };
}

function unknownField(table: Table<object>, bytes: Uint8Array): number | undefined {
  const columns = Object.values(table.columns);
  for (const record of records(bytes)) {
    const column = columns.find(({ number }) => number === record.number);
    if (column === undefined) return record.number;
    const inner = typeof column.kind === 'function' ? unknownField(column.kind(), record.bytes) : undefined;
    if (inner !== undefined) return inner;
  }
  return undefined;
}
