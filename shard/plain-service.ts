/** The service's own methods on the worker's port, for roots in plain mode and any gRPC client. Messages stay bytes here. */
import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Host } from './host.ts';
import type { HostedShard } from './hosted-shard.ts';
import type { WorkerMethod } from './method.ts';
import { serveStream, serveUnary } from './plain-run.ts';

const identity = (bytes: Buffer): Buffer => bytes;

export interface PlainService {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

/** Methods for which no shard has a handler are left out, so that grpc-js answers UNIMPLEMENTED. */
export function plainService(host: Host, shards: Iterable<HostedShard>): PlainService {
  const definition: Record<string, ServiceDefinition[string]> = {};
  const implementation: UntypedServiceImplementation = {};
  const hosted = [...shards];
  for (const method of host.methods.values()) {
    if (!hosted.some((shard) => shard.handlers[method.index] !== undefined)) continue;
    definition[method.name] = {
      path: method.path,
      requestStream: false,
      responseStream: method.streaming,
      requestSerialize: identity,
      requestDeserialize: identity,
      responseSerialize: identity,
      responseDeserialize: identity,
    };
    implementation[method.name] = handlerOf(host, method);
  }
  return { definition, implementation };
}

function handlerOf(host: Host, method: WorkerMethod): UntypedServiceImplementation[string] {
  return method.streaming ? serveStream(host, method) : serveUnary(host, method);
}
