/** The root's listener: serves the user's service, whatever it is, with messages as bytes. */
import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  Server,
  type ServiceDefinition,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { RegatherError } from '../shared/errors/errors.ts';
import { listenError } from '../shared/listen/address.ts';
import type { ServicePlan } from '../shared/schema/plan.ts';
import { type ServerTls, serverCredentials } from '../shared/tls/credentials.ts';
import type { ServedMethod } from './answer.ts';
import { errorFailure } from './finish.ts';
import type { ServingContext } from './serving.ts';
import { StreamAnswer } from './streaming.ts';
import { UnaryAnswer } from './unary.ts';

export interface GatewayOptions {
  readonly plan: ServicePlan;
  readonly methods: ReadonlyMap<string, ServedMethod>;
  readonly serving: ServingContext;
  readonly maxConcurrentStreams: number;
  /** Served beside the user's: health, reflection. */
  readonly services: readonly {
    readonly definition: ServiceDefinition;
    readonly implementation: UntypedServiceImplementation;
  }[];
}

/**
 * How many resets a connection may see before it is closed for abuse. Node's default, 1000 and then 33 a second, closes the connections of
 * clients whose deadlines expire often, and takes every other call on them along; each reset costs the root no more than the
 * request that it cancels.
 */
const STREAM_RESETS = { streamResetBurst: 1_000_000, streamResetRate: 100_000 };

const identity = (bytes: Buffer): Buffer => bytes;

export function createGateway(options: GatewayOptions): Server {
  const server = new Server({
    'grpc.max_concurrent_streams': options.maxConcurrentStreams,
    'grpc.enable_channelz': 0,
  });
  raiseResetLimits(server);
  const definition: Record<string, ServiceDefinition[string]> = {};
  const implementation: UntypedServiceImplementation = {};
  for (const method of options.plan.methods) {
    definition[method.name] = {
      path: method.path,
      requestStream: method.kind === 'client-streaming' || method.kind === 'bidi',
      responseStream: method.kind === 'server-streaming' || method.kind === 'bidi',
      requestSerialize: identity,
      requestDeserialize: identity,
      responseSerialize: identity,
      responseDeserialize: identity,
    };
    implementation[method.name] = handler(options.methods.get(method.name)!, options.serving);
  }
  server.addService(definition, implementation);
  for (const service of options.services) server.addService(service.definition, service.implementation);
  return server;
}

/** A private field of grpc-js; a test fails if it is gone. Before `bindAsync`. */
export function raiseResetLimits(server: Server): void {
  const { commonServerOptions } = server as unknown as { commonServerOptions?: object };
  if (commonServerOptions === undefined) {
    throw new RegatherError('INTERNAL', 'this version of @grpc/grpc-js has no commonServerOptions');
  }
  Object.assign(commonServerOptions, STREAM_RESETS);
}

function handler(method: ServedMethod, serving: ServingContext): UntypedServiceImplementation[string] {
  const { plan } = method;
  if (plan.scatter.to === 'NONE') {
    const failure = errorFailure(
      new RegatherError('METHOD_NOT_SERVED', `${plan.path.slice(1)} is not served: its scatter is NONE`),
    );
    if (plan.kind === 'unary' || plan.kind === 'client-streaming') {
      const refuse: handleUnaryCall<Buffer, Buffer> = (_call, callback) =>
        callback({ ...failure, code: status.UNIMPLEMENTED });
      return refuse;
    }
    const refuse: handleServerStreamingCall<Buffer, Buffer> = (call) => {
      call.emit('error', failure);
    };
    return refuse;
  }
  if (plan.kind === 'server-streaming') {
    const stream: handleServerStreamingCall<Buffer, Buffer> = (call) =>
      new StreamAnswer(serving, method, call).start();
    return stream;
  }
  const unary: handleUnaryCall<Buffer, Buffer> = (call, callback) =>
    new UnaryAnswer(serving, method, call, callback).start();
  return unary;
}

/** Binds; the port in the result is the real one where 0 was asked. */
export function listen(server: Server, address: string, tls: ServerTls | undefined): Promise<string> {
  const credentials = serverCredentials(tls);
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => {
      if (error === null) {
        const colon = address.lastIndexOf(':');
        resolve(address.startsWith('unix:') ? address : `${address.slice(0, colon)}:${port}`);
        return;
      }
      reject(listenError('root.listen', address, error));
    });
  });
}
