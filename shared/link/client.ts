/** A root's link to one worker: connects, greets, and connects again whenever it is lost. Calls run over it while it is ready. */
import {
  type ChannelCredentials,
  Client,
  type ClientDuplexStream,
  connectivityState,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { type Clock, systemClock, type Timer } from '../clock.ts';
import { RegatherError } from '../errors/errors.ts';
import type { Logger } from '../log/logger.ts';
import { helloFields, type PlanField } from '../schema/hello.ts';
import type { ServicePlan } from '../schema/plan.ts';
import { Backoff } from './backoff.ts';
import { clientChannelOptions } from './channel-options.ts';
import { refusal } from './compatibility.ts';
import { ConnectionTracker } from './connection-tracker.ts';
import { linkDefinition } from './definition.ts';
import { type HelloFrame, LINK_VERSION, MESSAGE_BYTES } from './frames.ts';
import type { LeafCall, LeafHandle, LeafSink, Upstream } from './leaf-call.ts';
import { failNextTurn } from './root-call.ts';
import { RootEnd } from './root-end.ts';

/** First and longest wait before a lost or failed link is tried again. */
const RETRY_MS = { first: 50, max: 5_000 };
/** What only a rollout changes is looked at seldom. */
const REFUSED_RETRY_MS = 5_000;
const PLAIN_RETRY_MS = 30_000;
/** A link that lasted so long was a good one: the next loss starts from the first wait again. */
const STEADY_MS = 1_000;
/** A watchdog later than this is our own stall: the socket gets a turn before it is judged. */
const STALL_MS = 50;

export type LinkState =
  | { readonly kind: 'connecting' }
  | {
      readonly kind: 'ready';
      readonly worker: string;
      readonly shards: readonly number[];
      readonly draining: boolean;
    }
  /** The worker has no Link: it is called through its plain gRPC methods. Looked at again from time to time. */
  | { readonly kind: 'plain' }
  /** The two Hellos don't go together. Tried again slowly. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** `retryAtMs` is on the link's clock. */
  | { readonly kind: 'down'; readonly reason: string; readonly retryAtMs: number }
  | { readonly kind: 'closed' };

export interface LinkClientOptions {
  /** host:port, or anything else that grpc-js resolves. */
  readonly address: string;
  readonly credentials: ChannelCredentials;
  /** The name expected in the worker's certificate. Default: the host in the address. */
  readonly serverName?: string | undefined;
  readonly plan: ServicePlan;
  /** This root's id, for the worker's fairness and logs. */
  readonly rootId: string;
  /** How many shards the topology has; 0 (default): not known. Told to the worker, never a reason to refuse. */
  readonly shardCount?: number;
  /** Without a message for so long while calls are open, the link is lost. Default 800 ms. */
  readonly silenceMs?: number;
  /** For TCP, TLS, HTTP/2 and Hello together. Default 1000 ms: three times a handshake across continents. */
  readonly connectTimeoutMs?: number;
  /** A link without calls is checked with a Ping so often. Default 10,000 ms. */
  readonly idleMs?: number;
  readonly clock?: Clock;
  /** 0 … 1, for jitter. Default Math.random. */
  readonly random?: () => number;
  readonly log?: Logger;
  readonly on: {
    /** Never called from within the constructor. */
    state(state: LinkState): void;
  };
}

interface Attempt {
  readonly client: Client;
  readonly stream: ClientDuplexStream<Buffer, Buffer>;
  readonly end: RootEnd;
  readonly connections: ConnectionTracker;
}

export class LinkClient implements Upstream {
  readonly #options: LinkClientOptions;
  readonly #clock: Clock;
  readonly #fields: readonly PlanField[];
  readonly #backoff: Backoff;
  #state: LinkState = { kind: 'connecting' };
  #attempt: Attempt | undefined;
  #ready: RootEnd | undefined;
  #readyAt = 0;
  /** It has been said in the log. */
  #troubled = false;
  #watchdog: Timer | undefined;
  #retry: Timer | undefined;

  constructor(options: LinkClientOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#fields = helloFields(options.plan);
    this.#backoff = new Backoff({
      firstMs: RETRY_MS.first,
      maxMs: RETRY_MS.max,
      random: options.random ?? Math.random,
    });
    this.#connect();
  }

  get state(): LinkState {
    return this.#state;
  }

  /** Calls that the worker holds or that wait to be written. */
  get inFlight(): number {
    return this.#ready?.inFlight ?? 0;
  }

  /** Tasks that ran or waited on the worker when it last said; -1: unknown. */
  get lastLoad(): number {
    return this.#ready?.lastLoad ?? -1;
  }

  run(call: LeafCall, sink: LeafSink): LeafHandle {
    const end = this.#ready;
    if (end !== undefined) return end.run(call, sink);
    return failNextTurn(call, sink, `The link to ${this.#options.address} is ${describe(this.#state)}`);
  }

  /** Tries now, if it is waiting to: the plain connection to a worker came back, so the worker may be another one. */
  probe(): void {
    if (this.#retry === undefined || this.#state.kind === 'closed') return;
    this.#retry.cancel();
    this.#connect();
  }

  /** Open calls end UNAVAILABLE. */
  close(): void {
    if (this.#state.kind === 'closed') return;
    this.#retry?.cancel();
    const attempt = this.#attempt;
    this.#set({ kind: 'closed' });
    if (attempt !== undefined)
      this.#abandon(
        attempt,
        new RegatherError('UNAVAILABLE', `The link to ${this.#options.address} was closed`),
      );
  }

  #connect(): void {
    const { address, credentials, plan, rootId, silenceMs, connectTimeoutMs, idleMs } = this.#options;
    const shardCount = this.#options.shardCount ?? 0;
    this.#retry = undefined;
    // One that is plain or refused stays so until it turns out to be something else.
    if (this.#state.kind === 'down') this.#set({ kind: 'connecting' });
    const connections = new ConnectionTracker(credentials);
    const client = new Client(address, connections.credentials, {
      ...clientChannelOptions(MESSAGE_BYTES, this.#options.serverName),
    });
    const { path, requestSerialize, responseDeserialize } = linkDefinition.Open;
    const stream = client.makeBidiStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      new Metadata(),
      {},
    );
    const end = new RootEnd({
      pipe: { write: (message, written) => stream.write(message, written) },
      hello: {
        version: LINK_VERSION,
        service: plan.name,
        peer: rootId,
        plan: this.#fields,
        shards: [],
        shardCount,
        maxCalls: 0,
        maxMessageBytes: MESSAGE_BYTES,
      },
      refuse: (theirs) => refusal(plan.name, this.#fields, theirs),
      clock: this.#clock,
      silenceMs: silenceMs ?? 800,
      idleMs: idleMs ?? 10_000,
      on: {
        ready: (hello) => this.#greeted(attempt, hello),
        state: (draining, shards) => {
          if (this.#state.kind !== 'ready') return;
          this.#set({ kind: 'ready', worker: this.#state.worker, shards, draining });
        },
        failed: (error) => this.#failed(attempt, error),
        defect: (error) => this.#options.log?.error('a leaf call could not be ended', { address, error }),
      },
    });
    const attempt: Attempt = { client, stream, end, connections };
    this.#attempt = attempt;
    stream.on('data', (message: Buffer) => end.receive(message));
    stream.on('drain', () => end.drained());
    stream.on('error', (error: ServiceError) => this.#ended(attempt, error.code, error.details));
    stream.on('status', (over: { code: status; details: string }) =>
      this.#ended(attempt, over.code, over.details),
    );
    this.#watch(attempt, connectTimeoutMs ?? 1_000, connectTimeoutMs ?? 1_000);
  }

  /** grpc-js waits for ever for a peer that accepts TCP and says nothing. */
  #watch(attempt: Attempt, delayMs: number, allowedMs: number): void {
    const dueAt = this.#clock.now() + delayMs;
    this.#watchdog = this.#clock.setTimer(() => {
      if (this.#attempt !== attempt || this.#ready !== undefined) return;
      if (this.#clock.now() - dueAt > STALL_MS) {
        this.#watch(attempt, STALL_MS, allowedMs);
        return;
      }
      const connected = attempt.client.getChannel().getConnectivityState(false) === connectivityState.READY;
      const { address } = this.#options;
      this.#failed(
        attempt,
        new RegatherError(
          'LINK_LOST',
          connected
            ? `${address} took the connection but sent no Hello within ${allowedMs} ms`
            : `No connection to ${address} within ${allowedMs} ms`,
        ),
      );
    }, delayMs);
  }

  #greeted(attempt: Attempt, hello: HelloFrame): void {
    if (this.#attempt !== attempt) return;
    this.#watchdog?.cancel();
    this.#ready = attempt.end;
    this.#readyAt = this.#clock.now();
    this.#troubled = false;
    this.#options.log?.info('link ready', { address: this.#options.address, worker: hello.peer });
    this.#set({ kind: 'ready', worker: hello.peer, shards: hello.shards, draining: false });
  }

  /** The worker, or the transport, ended the stream. */
  #ended(attempt: Attempt, code: status, details: string): void {
    if (this.#attempt !== attempt) return;
    const { address } = this.#options;
    if (this.#ready === undefined && code === status.UNIMPLEMENTED) {
      this.#retire(attempt, { kind: 'plain' }, new RegatherError('UNAVAILABLE', `${address} has no Link`));
      return;
    }
    if (code === status.FAILED_PRECONDITION) {
      this.#failed(attempt, new RegatherError('LINK_REFUSED', details));
      return;
    }
    const why = code === status.OK ? 'the worker ended it' : `${details} (${status[code]})`;
    this.#failed(attempt, new RegatherError('LINK_LOST', `The link to ${address} was lost: ${why}`));
  }

  #failed(attempt: Attempt, error: RegatherError): void {
    if (this.#attempt !== attempt) return;
    if (error.code === 'LINK_REFUSED') {
      this.#retire(attempt, { kind: 'refused', reason: error.message }, error);
    } else if (this.#state.kind === 'plain') {
      // A probe that failed says nothing of how well its plain methods can be reached.
      this.#retire(attempt, this.#state, error);
    } else {
      if (this.#ready !== undefined && this.#clock.now() - this.#readyAt >= STEADY_MS) this.#backoff.reset();
      const retryAtMs = this.#clock.now() + this.#backoff.next();
      this.#retire(attempt, { kind: 'down', reason: error.message, retryAtMs }, error);
    }
  }

  /** Gives the attempt up, says what the link is now, and plans the next one. */
  #retire(attempt: Attempt, state: LinkState, error: RegatherError): void {
    const random = this.#options.random ?? Math.random;
    const jitter = 0.8 + 0.4 * random();
    let delayMs: number;
    if (state.kind === 'down') delayMs = state.retryAtMs - this.#clock.now();
    else delayMs = (state.kind === 'plain' ? PLAIN_RETRY_MS : REFUSED_RETRY_MS) * jitter;
    this.#retry = this.#clock.setTimer(() => this.#connect(), delayMs);
    this.#attempt = undefined;
    this.#ready = undefined;
    if (!sameTrouble(state, this.#state)) {
      // A worker that stays away is told of once, not at every try.
      const { address, log } = this.#options;
      if (state.kind !== 'down') log?.warn('link not ready', { address, state: state.kind, error });
      else if (!this.#troubled) log?.warn('link down', { address, error });
      else log?.debug('link still down', { address, error });
      this.#troubled = true;
      this.#set(state);
    }
    this.#abandon(attempt, error);
  }

  #abandon(attempt: Attempt, error: RegatherError): void {
    this.#watchdog?.cancel();
    this.#attempt = undefined;
    this.#ready = undefined;
    attempt.end.lose(error);
    attempt.stream.cancel();
    attempt.client.close();
    attempt.connections.destroy();
  }

  #set(state: LinkState): void {
    this.#state = state;
    if (state.kind !== 'ready') this.#ready = undefined;
    this.#options.on.state(state);
  }
}

/** A probe found what was known already. */
function sameTrouble(a: LinkState, b: LinkState): boolean {
  return (
    (a.kind === 'plain' && b.kind === 'plain') ||
    (a.kind === 'refused' && b.kind === 'refused' && a.reason === b.reason)
  );
}

function describe(state: LinkState): string {
  switch (state.kind) {
    case 'down':
    case 'refused':
      return `${state.kind}: ${state.reason}`;
    default:
      return state.kind;
  }
}
