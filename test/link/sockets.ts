/** Workers and roots on real sockets, for tests. */
import { type ChannelCredentials, credentials, Server, ServerCredentials } from '@grpc/grpc-js';
import { LinkClient, type LinkClientOptions, type LinkState } from '../../shared/link/client.ts';
import type { IncomingCall } from '../../shared/link/incoming-call.ts';
import { type LinkServer, type ServeLinkOptions, serveLink } from '../../shared/link/server.ts';
import type { ServicePlan } from '../../shared/schema/plan.ts';

export const plan: ServicePlan = { name: 'acme.Search', methods: [], descriptorSet: new Uint8Array() };

export interface TestWorker {
  readonly address: string;
  readonly port: number;
  readonly link: LinkServer;
  readonly server: Server;
  stop(): void;
}

export async function startWorker(
  onCall: (call: IncomingCall) => void,
  options: Partial<ServeLinkOptions> & { port?: number; credentials?: ServerCredentials } = {},
): Promise<TestWorker> {
  const { port: wanted = 0, credentials: secret = ServerCredentials.createInsecure(), ...rest } = options;
  const link = serveLink({
    plan,
    workerId: 'w0',
    shards: () => [0, 1, 2, 3],
    shardCount: 4,
    maxCalls: 0,
    onCall,
    ...rest,
  });
  const server = new Server();
  server.addService(link.definition, link.implementation);
  const port = await listen(server, wanted, secret);
  return {
    address: `127.0.0.1:${port}`,
    port,
    link,
    server,
    stop() {
      link.close();
      server.forceShutdown();
    },
  };
}

export function listen(
  server: Server,
  port = 0,
  secret: ServerCredentials = ServerCredentials.createInsecure(),
): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, secret, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
}

export class TestRoot {
  readonly client: LinkClient;
  readonly states: LinkState[] = [];
  #waiting: { kind: LinkState['kind']; resolve: (state: LinkState) => void }[] = [];

  constructor(
    address: string,
    options: Partial<LinkClientOptions> & { credentials?: ChannelCredentials } = {},
  ) {
    this.client = new LinkClient({
      address,
      credentials: credentials.createInsecure(),
      plan,
      rootId: 'root',
      ...options,
      on: {
        state: (state) => {
          this.states.push(state);
          const found = this.#waiting.filter(({ kind }) => kind === state.kind);
          this.#waiting = this.#waiting.filter(({ kind }) => kind !== state.kind);
          for (const { resolve } of found) resolve(state);
        },
      },
    });
  }

  /** The next time that it is in this state; at once if it is now. */
  async reaches<K extends LinkState['kind']>(kind: K): Promise<Extract<LinkState, { kind: K }>> {
    const now = this.client.state;
    const state =
      now.kind === kind
        ? now
        : await new Promise<LinkState>((resolve) => this.#waiting.push({ kind, resolve }));
    return state as Extract<LinkState, { kind: K }>;
  }
}

/** Answers each task with `<method> <shard> <payload>`. */
export function echo(call: IncomingCall): void {
  for (const { shard, payload } of call.tasks)
    call.part([shard], Buffer.from(`${call.method} ${shard} ${(payload ?? call.payload).toString()}`), []);
  call.end([], 0, 0, 0);
}
