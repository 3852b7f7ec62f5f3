import { type FieldDesc, type FileDesc, label, type MessageDesc, typeNames } from './descriptor/messages.ts';
import { optionNumber, varintOption } from './descriptor/standard-options.ts';
import { within } from './descriptor/symbols.ts';
import type { Descriptors } from './descriptors.ts';
import { type Features, fileFeatures, withFeatures } from './features.ts';
import type { FieldShape, FieldType, MessageShape, Place } from './plan.ts';

interface Known {
  readonly desc: MessageDesc;
  readonly name: string;
  readonly features: Features;
}

/** The messages of a descriptor set as the plan shows them; each is made once, when it is first asked for. */
export class Shapes {
  readonly #known = new Map<string, Known>();
  readonly #shapes = new Map<string, MessageShape>();
  readonly #descs = new WeakMap<FieldShape, FieldDesc>();
  readonly #place: (fullName: string) => Place;

  constructor(descriptors: Descriptors) {
    this.#place = (name) => descriptors.place(name);
    for (const file of descriptors.files) {
      const features = fileFeatures(file);
      for (const message of file.messageType) this.#add(message, file.package ?? '', features, file);
    }
  }

  #add(desc: MessageDesc, scope: string, inherited: Features, file: FileDesc): void {
    const name = within(scope, desc.name);
    const features =
      file.syntax === 'editions' ? withFeatures(inherited, desc.options, 'message') : inherited;
    this.#known.set(name, { desc, name, features });
    for (const nested of desc.nestedType) this.#add(nested, name, features, file);
  }

  /** By full name, with or without a leading dot. */
  message(fullName: string): MessageShape {
    const name = fullName.replace(/^\./, '');
    const ready = this.#shapes.get(name);
    if (ready !== undefined) return ready;
    const known = this.#known.get(name);
    if (known === undefined) throw new TypeError(`No message "${name}" in the descriptor set.`);
    const fields = known.desc.field.map((field) => this.#field(known, field));
    const shape: MessageShape = { name, fields: fields.sort((a, b) => a.number - b.number) };
    this.#shapes.set(name, shape);
    return shape;
  }

  /** What a field was made from. A copy of a shape has none. */
  desc(field: FieldShape): FieldDesc | undefined {
    return this.#descs.get(field);
  }

  #field(inside: Known, desc: FieldDesc): FieldShape {
    const features = withFeatures(inside.features, desc.options, 'field');
    const declared = typeNames.get(desc.type) as FieldType;
    const repeated = desc.label === label.repeated;
    const target = declared === 'message' ? this.#known.get(desc.typeName!.slice(1)) : undefined;
    const isMap = repeated && target !== undefined && isMapEntry(target.desc);
    const delimited = declared === 'message' && features.delimited && !isMap && !isMapEntry(inside.desc);
    const type = delimited ? 'group' : declared;
    const nested = type === 'message' || type === 'group';
    const packable = repeated && !nested && type !== 'string' && type !== 'bytes';
    const packed = varintOption(desc.options, optionNumber.packed);
    const oneof = desc.oneofIndex === undefined ? undefined : inside.desc.oneofDecl[desc.oneofIndex]?.name;
    const field: FieldShape = {
      number: desc.number,
      name: desc.name,
      type,
      repeated,
      packed: packable && (packed === undefined ? features.packed : packed === 1),
      presence: nested || oneof !== undefined ? 'explicit' : features.presence,
      isMap,
      place: this.#place(within(inside.name, desc.name)),
      ...(oneof === undefined || desc.proto3Optional === true ? {} : { oneof }),
      ...(nested || type === 'enum' ? { typeName: desc.typeName!.slice(1) } : {}),
    };
    if (nested) {
      // Enumerable, so that a copy of the field keeps it.
      Object.defineProperty(field, 'message', { enumerable: true, get: () => this.message(desc.typeName!) });
    }
    this.#descs.set(field, desc);
    return field;
  }
}

function isMapEntry(message: MessageDesc): boolean {
  return varintOption(message.options, optionNumber.mapEntry) === 1;
}
