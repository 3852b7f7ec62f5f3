/** A root's connection to one worker: a link, or plain gRPC where the worker has none. Lives as long as the topology names it. */
import type { ChannelCredentials } from '@grpc/grpc-js';
import type { Clock } from '../../shared/clock.ts';
import { LinkClient, type LinkState } from '../../shared/link/client.ts';
import type { LeafCall, LeafHandle, LeafSink, Upstream } from '../../shared/link/leaf-call.ts';
import type { ServicePlan } from '../../shared/schema/plan.ts';
import type { ClientTls } from '../../shared/tls/credentials.ts';
import type { Breaker } from '../replicas/breaker.ts';
import { WorkerLoad } from '../replicas/load.ts';
import type { Worker } from '../replicas/worker.ts';
import { PlainUpstream } from './plain.ts';

export interface WorkerConnectionOptions {
  readonly id: string;
  readonly address: string;
  readonly zone: string | undefined;
  readonly weight: number;
  readonly credentials: ChannelCredentials;
  readonly workerTls: ClientTls | undefined;
  readonly plan: ServicePlan;
  readonly rootId: string;
  /** `false`: never a link, even where the worker has one. */
  readonly links: boolean;
  readonly silenceMs: number;
  readonly connectTimeoutMs: number;
  readonly breaker: Breaker;
  readonly clock: Clock;
  /** The connection's state changed: choices made before may be stale. */
  readonly onChange: () => void;
  readonly onState?: (state: ConnectionState, reason: string) => void;
}

export type ConnectionState = 'connecting' | 'link' | 'plain' | 'refused' | 'down' | 'closed';

export class WorkerConnection implements Worker {
  readonly id: string;
  readonly address: string;
  zone: string | undefined;
  weight: number;
  readonly breaker: Breaker;
  readonly load = new WorkerLoad();
  /** Leaf calls under way. */
  inFlight = 0;
  readonly #options: WorkerConnectionOptions;
  readonly #link: LinkClient | undefined;
  #plain: PlainUpstream | undefined;
  #upstream: Upstream | undefined;
  #state: ConnectionState = 'connecting';
  #reason = '';
  #draining = false;
  #served: ReadonlySet<number> | undefined;
  #retired = false;

  constructor(options: WorkerConnectionOptions) {
    this.id = options.id;
    this.address = options.address;
    this.zone = options.zone;
    this.weight = options.weight;
    this.#options = options;
    this.breaker = options.breaker;
    if (options.links) {
      this.#link = new LinkClient({
        address: options.address,
        credentials: options.credentials,
        serverName: options.workerTls?.server_name,
        plan: options.plan,
        rootId: options.rootId,
        silenceMs: options.silenceMs,
        connectTimeoutMs: options.connectTimeoutMs,
        clock: options.clock,
        on: { state: (state) => this.#linkChanged(state) },
      });
    } else {
      this.#goPlain();
    }
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Why it is down or refused. */
  get reason(): string {
    return this.#reason;
  }

  get draining(): boolean {
    return this.#draining;
  }

  get connected(): boolean {
    return this.#upstream !== undefined;
  }

  /** The worker says that it serves the shard; a plain one says nothing, so the topology is believed. */
  serves(shard: number): boolean {
    return this.#served === undefined || this.#served.has(shard);
  }

  /** The shards that the worker itself says it serves. */
  get served(): readonly number[] | undefined {
    return this.#served === undefined ? undefined : [...this.#served];
  }

  run(call: LeafCall, sink: LeafSink): LeafHandle {
    this.inFlight++;
    return this.#upstream!.run(call, sink);
  }

  finished(): void {
    this.inFlight--;
    if (this.#retired && this.inFlight === 0) this.close();
  }

  /** The topology names it no more: what runs may end, then it closes. */
  retire(): void {
    this.#retired = true;
    if (this.inFlight === 0) this.close();
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#upstream = undefined;
    // Before calls end by it, for what they make room for: choices that are kept must not lead here.
    this.#options.onChange();
    this.#link?.close();
    this.#plain?.close();
    this.breaker.close();
    this.#options.onState?.('closed', '');
  }

  #goPlain(): void {
    const { address, credentials, workerTls, plan, connectTimeoutMs } = this.#options;
    this.#plain ??= new PlainUpstream({
      address,
      credentials,
      workerTls,
      plan,
      connectTimeoutMs,
      onReconnected: () => this.#link?.probe(),
    });
    this.#upstream = this.#plain;
    this.#served = undefined;
    this.#draining = false;
    this.#set('plain', '');
  }

  #linkChanged(state: LinkState): void {
    if (this.#state === 'closed') return;
    switch (state.kind) {
      case 'ready':
        this.#upstream = this.#link;
        this.#served = new Set(state.shards);
        this.#draining = state.draining;
        if (this.#link!.lastLoad >= 0) this.load.report(this.#link!.lastLoad, this.#options.clock.now());
        this.#set('link', '');
        return;
      case 'plain':
        this.#goPlain();
        return;
      case 'connecting':
        // A plain worker that is looked at again stays in use meanwhile.
        if (this.#state === 'plain') return;
        this.#upstream = undefined;
        this.#set('connecting', this.#reason);
        return;
      case 'refused':
      case 'down':
        this.#upstream = undefined;
        this.#set(state.kind, state.reason);
        return;
      case 'closed':
        this.#upstream = undefined;
        return;
    }
  }

  #set(state: ConnectionState, reason: string): void {
    const changed = state !== this.#state;
    this.#state = state;
    this.#reason = reason;
    if (changed) this.#options.onState?.(state, reason);
    this.#options.onChange();
  }
}
