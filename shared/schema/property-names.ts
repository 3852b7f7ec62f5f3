import type { MessageShape } from './plan.ts';
import { jsonName } from './proto/names.ts';

/**
 * What a message's fields are called in TypeScript, in the order of `shape.fields`: in camelCase, as protobuf's JSON
 * (`home_town` → `homeTown`); as in the .proto where that name is taken, which only proto2 allows.
 */
export function propertyNames(shape: MessageShape): string[] {
  const taken = new Set<string>();
  return shape.fields.map(({ name }) => {
    const camel = jsonName(name);
    const property = taken.has(camel) ? name : camel;
    taken.add(property);
    return property;
  });
}
