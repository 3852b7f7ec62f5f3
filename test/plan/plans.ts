/** The methods of request.proto, and their requests as proto-loader writes and reads them. */
import { loadFileDescriptorSetFromBuffer, type ServiceDefinition } from '@grpc/proto-loader';
import { planRequest, type RequestPlan } from '../../root/plan.ts';
import { compilePlan } from '../../shared/schema/compile.ts';
import { loadDescriptors } from '../../shared/schema/descriptors.ts';
import type { MethodPlan } from '../../shared/schema/plan.ts';

export const service = compilePlan(
  loadDescriptors({ proto: new URL('request.proto', import.meta.url).pathname }),
  undefined,
);

const definitions = loadFileDescriptorSetFromBuffer(Buffer.from(service.descriptorSet), {
  longs: String,
  arrays: true,
})['plans.v1.Plans'] as ServiceDefinition;

export function encode(request: object): Buffer {
  return definitions.All!.requestSerialize(request);
}

export function decode(bytes: Uint8Array): Record<string, unknown> {
  return { ...definitions.All!.requestDeserialize(Buffer.from(bytes)) };
}

export function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex');
}

export function methodOf(name: string): MethodPlan {
  const found = service.methods.find((method) => method.name === name);
  if (found === undefined) throw new Error(`request.proto has no method ${name}`);
  return found;
}

export const topology = { epoch: 1, shardCount: 8, virtualShards: 4096 };

/** ANY goes to shard 5. */
export function plan(method: string, request: Uint8Array, leaf = false): RequestPlan {
  return planRequest(methodOf(method), request, topology, { leaf, pick: () => 5 });
}
