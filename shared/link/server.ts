/** Serves `regather.v1.Link` on a grpc-js server: the worker's ends of all links to it. */
import { Metadata, type ServerDuplexStream, status } from '@grpc/grpc-js';
import { type Clock, systemClock } from '../clock.ts';
import type { RegatherError } from '../errors/errors.ts';
import type { Logger } from '../log/logger.ts';
import { helloFields } from '../schema/hello.ts';
import type { ServicePlan } from '../schema/plan.ts';
import { refusal } from './compatibility.ts';
import { linkDefinition } from './definition.ts';
import { type HelloFrame, LINK_VERSION, MESSAGE_BYTES } from './frames.ts';
import type { IncomingCall } from './incoming-call.ts';
import { type CallRefusal, WorkerEnd } from './worker-end.ts';

export interface ServeLinkOptions {
  readonly plan: ServicePlan;
  readonly workerId: string;
  /** The shards served now; told in Hello, and again after `shardsChanged`. */
  readonly shards: () => readonly number[];
  /** How many shards there are. 0: not known. Told to roots, never a reason to refuse. */
  readonly shardCount: number;
  /** Calls that one root may have open at once. 0: no bound. */
  readonly maxCalls: number;
  /** Called for every call, in the turn in which it is read. If it throws, the call ends INTERNAL. */
  readonly onCall: (call: IncomingCall) => void;
  /**
   * A call with so many tasks is turned away before `onCall` sees it: the worker drains, or the link has `maxCalls` already. Returns how long the root is
   * to keep away, ms. Default: 0, as long as it likes.
   */
  readonly onRefused?: (method: string, tasks: number, why: CallRefusal) => number;
  /** Tasks that run or wait, for State and for the End of calls that are turned away. Default: the calls open on all links. */
  readonly inFlight?: () => number;
  readonly log?: Logger;
  readonly clock?: Clock;
  /** A root that says nothing for so long is sent a Ping. Default 15,000 ms, which keeps NATs and firewalls awake. */
  readonly idleMs?: number;
  /** So long it may take to answer that Ping. Default 5,000 ms: nobody waits for this, it only frees what a dead root holds. */
  readonly silenceMs?: number;
}

export interface LinkServer {
  /** For `server.addService(link.definition, link.implementation)`. */
  readonly definition: typeof linkDefinition;
  readonly implementation: { Open(stream: ServerDuplexStream<Buffer, Buffer>): void };
  readonly handler: (stream: ServerDuplexStream<Buffer, Buffer>) => void;
  /** Links open now. */
  readonly streams: number;
  /** Calls open on all links. */
  readonly calls: number;
  /** Tells every root, and turns away calls that come all the same; `false` takes it back. */
  setDraining(draining?: boolean): void;
  /**
   * Resolves when every root has read what it was told, and all calls that it had sent before have been read: after
   * `setDraining` none comes any more. A root that doesn't answer Pings is waited for until its link is lost.
   */
  barrier(): Promise<void>;
  /** Tells every root what `shards()` is now. */
  shardsChanged(): void;
  /** Ends all links: what is written goes out, open calls are cancelled. */
  close(): void;
}

interface OpenLink {
  readonly end: WorkerEnd;
  close(code: number, details: string): void;
}

export function serveLink(options: ServeLinkOptions): LinkServer {
  const { plan, workerId, log } = options;
  const clock = options.clock ?? systemClock;
  const fields = helloFields(plan);
  const streaming = new Set(
    plan.methods.filter(({ kind }) => kind === 'server-streaming').map(({ leaf }) => leaf.name),
  );
  const links = new Set<OpenLink>();
  let draining = false;
  let closed = false;

  function openCalls(): number {
    let calls = 0;
    for (const link of links) calls += link.end.inFlight;
    return calls;
  }

  const inFlight = options.inFlight ?? openCalls;

  function sendState(end: WorkerEnd): void {
    end.sendState(draining, options.shards(), inFlight());
  }

  function handler(stream: ServerDuplexStream<Buffer, Buffer>): void {
    let root = stream.getPeer();
    let over = false;

    function close(code: number, details: string): void {
      if (over) return;
      over = true;
      links.delete(link);
      end.lose();
      if (code === status.OK) stream.end();
      else stream.emit('error', { code, details, metadata: new Metadata() });
    }

    const end = new WorkerEnd({
      pipe: { write: (message, written) => stream.write(message, written) },
      hello: (): HelloFrame => ({
        version: LINK_VERSION,
        service: plan.name,
        peer: workerId,
        plan: fields,
        shards: options.shards(),
        shardCount: options.shardCount,
        maxCalls: options.maxCalls,
        maxMessageBytes: MESSAGE_BYTES,
      }),
      streaming,
      refuse: (theirs) => refusal(plan.name, fields, theirs),
      clock,
      idleMs: options.idleMs ?? 15_000,
      silenceMs: options.silenceMs ?? 5_000,
      draining: () => draining,
      onCall: options.onCall,
      onRefused: options.onRefused ?? (() => 0),
      tasksInFlight: inFlight,
      on: {
        ready(hello) {
          root = hello.peer;
          log?.info('a root opened a link', { root, service: hello.service });
          if (draining) sendState(end);
        },
        failed(error: RegatherError) {
          log?.warn('a link was ended', { root, error });
          close(error.grpc, error.message);
        },
        defect: (error) => log?.error('a call could not be handled', { root, error }),
      },
    });
    const link: OpenLink = { end, close };
    links.add(link);
    stream.on('data', (message: Buffer) => end.receive(message));
    stream.on('drain', () => end.drained());
    // The root is done, or gone: either way nobody reads what is left.
    stream.on('end', () => close(status.OK, ''));
    stream.on('cancelled', () => close(status.CANCELLED, 'The root closed the link'));
    stream.on('error', (error: Error) => close(status.UNAVAILABLE, error.message));
    if (closed) close(status.UNAVAILABLE, `Worker ${workerId} is stopping`);
  }

  return {
    definition: linkDefinition,
    implementation: { Open: handler },
    handler,
    get streams() {
      return links.size;
    },
    get calls() {
      return openCalls();
    },
    setDraining(value = true) {
      if (draining === value) return;
      draining = value;
      for (const link of links) sendState(link.end);
    },
    async barrier() {
      await Promise.all([...links].map((link) => link.end.barrier()));
    },
    shardsChanged() {
      for (const link of links) sendState(link.end);
    },
    close() {
      closed = true;
      for (const link of [...links]) {
        link.end.flush();
        link.close(status.UNAVAILABLE, `Worker ${workerId} is stopping`);
      }
    },
  };
}
