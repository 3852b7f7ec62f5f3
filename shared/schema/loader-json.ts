import type { EnumDesc } from './descriptor/messages.ts';
import { symbolsOf } from './descriptor/symbols.ts';
import { type Descriptors, readDescriptorSet } from './descriptors.ts';
import { isMessage } from './paths.ts';
import type { FieldShape, MessageShape, ServicePlan } from './plan.ts';
import { propertyNames } from './property-names.ts';
import { jsonName } from './proto/names.ts';
import { Shapes } from './shapes.ts';

interface FieldJson {
  readonly id: number;
  readonly type: string;
  readonly rule?: 'repeated' | 'required';
  readonly keyType?: string;
  readonly options: Record<string, unknown>;
}

interface NodeJson {
  fields?: Record<string, FieldJson>;
  oneofs?: Record<string, { oneof: string[] }>;
  group?: true;
  values?: Record<string, number>;
  methods?: Record<
    string,
    { requestType: string; responseType: string; requestStream: boolean; responseStream: boolean }
  >;
  nested?: Record<string, NodeJson>;
}

/**
 * The service and what its messages reach, as protobufjs' JSON descriptors. Loading the descriptor set itself through
 * proto-loader turns maps into lists of entries and forgets presence, packing and names in camelCase.
 */
export function loaderJson(plan: ServicePlan): { nested: Record<string, NodeJson> } {
  const descriptors = readDescriptorSet(plan.descriptorSet, plan.name);
  const writer = new JsonWriter(descriptors);
  const methods: NonNullable<NodeJson['methods']> = {};
  for (const method of plan.methods) {
    writer.message(method.request);
    writer.message(method.response);
    methods[method.name] = {
      requestType: `.${method.request.name}`,
      responseType: `.${method.response.name}`,
      requestStream: method.kind === 'client-streaming' || method.kind === 'bidi',
      responseStream: method.kind === 'server-streaming' || method.kind === 'bidi',
    };
  }
  writer.node(plan.name).methods = methods;
  return { nested: writer.nested };
}

class JsonWriter {
  readonly nested: Record<string, NodeJson> = {};
  readonly #shapes: Shapes;
  readonly #enums = new Map<string, EnumDesc>();
  readonly #done = new Set<string>();

  constructor(descriptors: Descriptors) {
    this.#shapes = new Shapes(descriptors);
    for (const file of descriptors.files) {
      for (const symbol of symbolsOf(file))
        if (symbol.kind === 'enum') this.#enums.set(symbol.name, symbol.desc);
    }
  }

  /** By full name, made with the packages and messages around it. */
  node(fullName: string): NodeJson {
    let at: NodeJson = this;
    for (const part of fullName.split('.')) {
      at.nested ??= {};
      at.nested[part] ??= {};
      at = at.nested[part];
    }
    at.nested ??= {};
    return at;
  }

  message({ name }: MessageShape): void {
    if (this.#done.has(name)) return;
    this.#done.add(name);
    const node = this.node(name);
    const fields: Record<string, FieldJson> = {};
    const oneofs: Record<string, { oneof: string[] }> = {};
    node.fields = fields;
    node.oneofs = oneofs;
    const shape = this.#shapes.message(name);
    const names = propertyNames(shape);
    for (const [i, field] of shape.fields.entries()) {
      const key = names[i]!;
      const json = this.#field(field);
      fields[key] = json;
      const hasDefault = json.options.default !== undefined;
      if (field.oneof !== undefined) {
        oneofs[jsonName(field.oneof)] ??= { oneof: [] };
        oneofs[jsonName(field.oneof)]!.oneof.push(key);
      } else if (
        !field.repeated &&
        field.presence === 'explicit' &&
        !isMessage(field) &&
        json.rule === undefined &&
        !hasDefault
      ) {
        // As protobuf does for `optional`: a oneof of its own, so that an absent field has no value.
        oneofs[`_${key}`] = { oneof: [key] };
        json.options.proto3_optional = true;
      }
    }
  }

  #field(field: FieldShape): FieldJson {
    const desc = this.#shapes.desc(field)!;
    const delimited = field.type === 'group';
    const options: Record<string, unknown> = {
      features: {
        field_presence:
          desc.label === 2 ? 'LEGACY_REQUIRED' : field.presence === 'explicit' ? 'EXPLICIT' : 'IMPLICIT',
        repeated_field_encoding: field.packed ? 'PACKED' : 'EXPANDED',
        message_encoding: delimited ? 'DELIMITED' : 'LENGTH_PREFIXED',
      },
    };
    if (field.isMap) {
      const [key, value] = field.message!.fields;
      return { id: field.number, keyType: key!.type, type: this.#type(value!), options };
    }
    const value = defaultValue(field, desc.defaultValue);
    if (value !== undefined) options.default = value;
    const rule = field.repeated ? 'repeated' : desc.label === 2 ? 'required' : undefined;
    return { id: field.number, type: this.#type(field), options, ...(rule === undefined ? {} : { rule }) };
  }

  #type(field: FieldShape): string {
    if (isMessage(field)) {
      this.message(field.message!);
      return `.${field.typeName}`;
    }
    if (field.type !== 'enum') return field.type;
    const name = field.typeName!;
    const node = this.node(name);
    node.values ??= enumValues(this.#enums.get(name)!);
    return `.${name}`;
  }
}

/** Of names that share a number the first is the one to print: protobufjs takes the last, but the first of all as default. */
function enumValues(desc: EnumDesc): Record<string, number> {
  const values: Record<string, number> = {};
  const done = new Set<number>();
  for (const { number } of desc.value) {
    if (done.has(number)) continue;
    done.add(number);
    for (const value of desc.value.filter((other) => other.number === number).reverse())
      values[value.name] = number;
  }
  return values;
}

/** proto2's `[default = …]`, where protobufjs can hold it exactly. */
function defaultValue(field: FieldShape, text: string | undefined): unknown {
  if (text === undefined || field.type === 'bytes') return undefined;
  if (field.type === 'string' || field.type === 'enum') return text;
  if (field.type === 'bool') return text === 'true';
  const number = Number(text);
  return Number.isFinite(number) &&
    (field.type === 'double' || field.type === 'float' || Number.isSafeInteger(number))
    ? number
    : undefined;
}
