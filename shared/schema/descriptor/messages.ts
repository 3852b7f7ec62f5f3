/**
 * descriptor.proto's messages as far as a schema needs them. Options stay bytes: what they mean depends on extensions
 * that only the set itself knows. Source info is read apart (places.ts) and never written.
 */
import { many, one, type Table } from './codec.ts';

export interface FileDesc {
  name: string;
  package?: string;
  dependency: string[];
  publicDependency: number[];
  weakDependency: number[];
  messageType: MessageDesc[];
  enumType: EnumDesc[];
  service: ServiceDesc[];
  extension: FieldDesc[];
  options?: Uint8Array;
  sourceCodeInfo?: Uint8Array;
  /** "proto3" or "editions"; absent: proto2. */
  syntax?: string;
  edition?: number;
}

export interface MessageDesc {
  name: string;
  field: FieldDesc[];
  extension: FieldDesc[];
  nestedType: MessageDesc[];
  enumType: EnumDesc[];
  extensionRange: RangeDesc[];
  oneofDecl: OneofDesc[];
  options?: Uint8Array;
  reservedRange: RangeDesc[];
  reservedName: string[];
}

/** `end` is not included, except in enums. */
export interface RangeDesc {
  start: number;
  end: number;
  options?: Uint8Array;
}

export interface FieldDesc {
  name: string;
  number: number;
  label: number;
  type: number;
  typeName?: string;
  extendee?: string;
  defaultValue?: string;
  oneofIndex?: number;
  jsonName?: string;
  options?: Uint8Array;
  proto3Optional?: boolean;
}

export interface OneofDesc {
  name: string;
  options?: Uint8Array;
}

export interface EnumDesc {
  name: string;
  value: EnumValueDesc[];
  options?: Uint8Array;
  reservedRange: RangeDesc[];
  reservedName: string[];
}

export interface EnumValueDesc {
  name: string;
  number: number;
  options?: Uint8Array;
}

export interface ServiceDesc {
  name: string;
  method: MethodDesc[];
  options?: Uint8Array;
}

export interface MethodDesc {
  name: string;
  inputType: string;
  outputType: string;
  options?: Uint8Array;
  clientStreaming?: boolean;
  serverStreaming?: boolean;
}

export const label = { optional: 1, required: 2, repeated: 3 } as const;

/** FieldDescriptorProto.Type, by the .proto name. */
export const typeNumber = {
  double: 1,
  float: 2,
  int64: 3,
  uint64: 4,
  int32: 5,
  fixed64: 6,
  fixed32: 7,
  bool: 8,
  string: 9,
  group: 10,
  message: 11,
  bytes: 12,
  uint32: 13,
  enum: 14,
  sfixed32: 15,
  sfixed64: 16,
  sint32: 17,
  sint64: 18,
} as const;

export type TypeName = keyof typeof typeNumber;

export const typeNames: ReadonlyMap<number, TypeName> = new Map(
  (Object.keys(typeNumber) as TypeName[]).map((name) => [typeNumber[name], name]),
);

const rangeTable: Table<RangeDesc> = {
  fresh: () => ({ start: 0, end: 0 }),
  columns: { start: one(1, 'int32'), end: one(2, 'int32'), options: one(3, 'bytes') },
};

const fieldTable: Table<FieldDesc> = {
  fresh: () => ({ name: '', number: 0, label: 1, type: 0 }),
  columns: {
    name: one(1, 'string'),
    extendee: one(2, 'string'),
    number: one(3, 'int32'),
    label: one(4, 'int32'),
    type: one(5, 'int32'),
    typeName: one(6, 'string'),
    defaultValue: one(7, 'string'),
    options: one(8, 'bytes'),
    oneofIndex: one(9, 'int32'),
    jsonName: one(10, 'string'),
    proto3Optional: one(17, 'bool'),
  },
};

const oneofTable: Table<OneofDesc> = {
  fresh: () => ({ name: '' }),
  columns: { name: one(1, 'string'), options: one(2, 'bytes') },
};

const enumValueTable: Table<EnumValueDesc> = {
  fresh: () => ({ name: '', number: 0 }),
  columns: { name: one(1, 'string'), number: one(2, 'int32'), options: one(3, 'bytes') },
};

const enumTable: Table<EnumDesc> = {
  fresh: () => ({ name: '', value: [], reservedRange: [], reservedName: [] }),
  columns: {
    name: one(1, 'string'),
    value: many(2, () => enumValueTable),
    options: one(3, 'bytes'),
    reservedRange: many(4, () => rangeTable),
    reservedName: many(5, 'string'),
  },
};

const messageTable: Table<MessageDesc> = {
  fresh: () => freshMessage(''),
  columns: {
    name: one(1, 'string'),
    field: many(2, () => fieldTable),
    nestedType: many(3, () => messageTable),
    enumType: many(4, () => enumTable),
    extensionRange: many(5, () => rangeTable),
    extension: many(6, () => fieldTable),
    options: one(7, 'bytes'),
    oneofDecl: many(8, () => oneofTable),
    reservedRange: many(9, () => rangeTable),
    reservedName: many(10, 'string'),
  },
};

const methodTable: Table<MethodDesc> = {
  fresh: () => ({ name: '', inputType: '', outputType: '' }),
  columns: {
    name: one(1, 'string'),
    inputType: one(2, 'string'),
    outputType: one(3, 'string'),
    options: one(4, 'bytes'),
    clientStreaming: one(5, 'bool'),
    serverStreaming: one(6, 'bool'),
  },
};

const serviceTable: Table<ServiceDesc> = {
  fresh: () => ({ name: '', method: [] }),
  columns: { name: one(1, 'string'), method: many(2, () => methodTable), options: one(3, 'bytes') },
};

export const fileTable: Table<FileDesc> = {
  fresh: () => freshFile(''),
  columns: {
    name: one(1, 'string'),
    package: one(2, 'string'),
    dependency: many(3, 'string'),
    messageType: many(4, () => messageTable),
    enumType: many(5, () => enumTable),
    service: many(6, () => serviceTable),
    extension: many(7, () => fieldTable),
    options: one(8, 'bytes'),
    sourceCodeInfo: one(9, 'bytes'),
    publicDependency: many(10, 'int32'),
    weakDependency: many(11, 'int32'),
    syntax: one(12, 'string'),
    edition: one(14, 'int32'),
  },
};

export function freshMessage(name: string): MessageDesc {
  return {
    name,
    field: [],
    extension: [],
    nestedType: [],
    enumType: [],
    extensionRange: [],
    oneofDecl: [],
    reservedRange: [],
    reservedName: [],
  };
}

export function freshFile(name: string): FileDesc {
  return {
    name,
    dependency: [],
    publicDependency: [],
    weakDependency: [],
    messageType: [],
    enumType: [],
    service: [],
    extension: [],
  };
}
