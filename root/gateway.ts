/** The root's listener: serves the user's service, whatever it is, with messages as bytes. */
import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  type Server,
  type ServiceDefinition,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { RegatherError } from '../shared/errors/errors.ts';
import { createServer } from '../shared/listen/server.ts';
import type { ServicePlan } from '../shared/schema/plan.ts';
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

const identity = (bytes: Buffer): Buffer => bytes;

export function createGateway(options: GatewayOptions): Server {
  const server = createServer(options.maxConcurrentStreams);
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
