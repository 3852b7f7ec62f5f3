/** grpc.health.v1: Check and Watch. What is set for '' speaks for the whole process. */
import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  status,
} from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';

export type ServingStatus = 'UNKNOWN' | 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN';

interface HealthRequest {
  readonly service: string;
}

interface HealthResponse {
  readonly status: ServingStatus;
}

type WatchCall = ServerWritableStream<HealthRequest, HealthResponse>;

export interface HealthService {
  /** For `server.addService(definition, implementation)`. */
  readonly definition: ServiceDefinition;
  readonly implementation: {
    readonly Check: handleUnaryCall<HealthRequest, HealthResponse>;
    readonly Watch: handleServerStreamingCall<HealthRequest, HealthResponse>;
  };
  /** Tells all watchers. Services are known once they are set; '' is known from the start, NOT_SERVING. */
  set(service: string, serving: boolean): void;
  /** Everything is NOT_SERVING from now on, whatever is set later: the process is going away. Ends the watches. */
  close(): void;
}

export function healthService(): HealthService {
  const states = new Map<string, ServingStatus>([['', 'NOT_SERVING']]);
  const watches = new Map<WatchCall, string>();
  let closed = false;

  const tell = (service: string): void => {
    for (const [call, watched] of watches) {
      if (watched === service) call.write({ status: states.get(service) ?? 'SERVICE_UNKNOWN' });
    }
  };

  return {
    definition,
    implementation: {
      Check(call, callback) {
        const state = states.get(call.request.service);
        if (state === undefined) {
          callback({
            code: status.NOT_FOUND,
            details: `Expected a known service, got "${call.request.service}"`,
          });
        } else callback(null, { status: state });
      },
      Watch(call) {
        watches.set(call, call.request.service);
        const forget = (): void => {
          watches.delete(call);
        };
        call.on('cancelled', forget);
        call.on('close', forget);
        call.on('error', forget);
        call.write({ status: states.get(call.request.service) ?? 'SERVICE_UNKNOWN' });
        if (closed) call.end();
      },
    },
    set(service, serving) {
      if (closed) return;
      const state: ServingStatus = serving ? 'SERVING' : 'NOT_SERVING';
      if (states.get(service) === state) return;
      states.set(service, state);
      tell(service);
    },
    close() {
      if (closed) return;
      closed = true;
      for (const service of states.keys()) {
        if (states.get(service) === 'NOT_SERVING') continue;
        states.set(service, 'NOT_SERVING');
        tell(service);
      }
      for (const call of watches.keys()) call.end();
      watches.clear();
    },
  };
}

const definition = fromJSON(
  {
    nested: {
      grpc: {
        nested: {
          health: {
            nested: {
              v1: {
                nested: {
                  HealthCheckRequest: { fields: { service: { type: 'string', id: 1 } } },
                  HealthCheckResponse: {
                    fields: { status: { type: 'ServingStatus', id: 1 } },
                    nested: {
                      ServingStatus: {
                        values: { UNKNOWN: 0, SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 },
                      },
                    },
                  },
                  Health: {
                    methods: {
                      Check: {
                        requestType: 'HealthCheckRequest',
                        responseType: 'HealthCheckResponse',
                        comment: '',
                      },
                      Watch: {
                        requestType: 'HealthCheckRequest',
                        responseType: 'HealthCheckResponse',
                        responseStream: true,
                        comment: '',
                      },
                    },
                  },
                },
              },
            },
          },
        },
      },
    },
  },
  { enums: String, defaults: true },
)['grpc.health.v1.Health'] as ServiceDefinition;
