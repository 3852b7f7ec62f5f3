import { type AnyDefinition, fromJSON, type ServiceDefinition } from '@grpc/proto-loader';
import { RegatherError } from '../errors/errors.ts';
import { loaderJson } from './loader-json.ts';
import { decimalKeys } from './long-keys.ts';
import type { MessageShape, ServicePlan } from './plan.ts';

/**
 * How a method's messages look in TypeScript: properties in camelCase; 64-bit integers as decimal strings; enums as names (a number if
 * it has none); bytes as Buffers; lists, maps and fields without presence always there; absent messages null; absent
 * `optional` fields and oneof members missing. A oneof is told by a property of its name (`kind: 'text'`), an `optional` field that
 * is present by one with an underscore (`_limit: 'limit'`); neither is read when encoding, where bytes may also be base64.
 */
export interface MethodCodec {
  readonly decodeRequest: (bytes: Uint8Array) => object;
  readonly encodeRequest: (message: object) => Buffer;
  readonly decodeResponse: (bytes: Uint8Array) => object;
  readonly encodeResponse: (message: object) => Buffer;
}

/** By a method's short name: every method of the service. Decoders and encoders throw what protobufjs throws. */
export function methodCodecs(plan: ServicePlan): Map<string, MethodCodec> {
  const definitions = fromJSON(loaderJson(plan), {
    longs: String,
    enums: String,
    defaults: true,
    oneofs: true,
  });
  const service = definitions[plan.name];
  if (service === undefined || !isService(service)) {
    throw new RegatherError('INTERNAL', `The descriptors of ${plan.name} hold no such service.`);
  }
  const codecs = new Map<string, MethodCodec>();
  for (const { name, request, response } of plan.methods) {
    const method = service[name]!;
    codecs.set(name, {
      decodeRequest: decoder(method.requestDeserialize, request),
      encodeRequest: (message) => method.requestSerialize(message),
      decodeResponse: decoder(method.responseDeserialize, response),
      encodeResponse: (message) => method.responseSerialize(message),
    });
  }
  return codecs;
}

function decoder(decode: (bytes: Buffer) => object, shape: MessageShape): (bytes: Uint8Array) => object {
  const rewrite = decimalKeys(shape);
  if (rewrite === undefined) return (bytes) => decode(bytes as Buffer);
  return (bytes) => {
    const message = decode(bytes as Buffer);
    rewrite(message as Record<string, unknown>);
    return message;
  };
}

function isService(definition: AnyDefinition): definition is ServiceDefinition {
  return !('format' in definition);
}
