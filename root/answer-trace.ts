/** The spans of one answer: one for the scatter, and below it one for each attempt. Made only where an SDK is registered. */

import type { Metadata } from '@grpc/grpc-js';
import { type Context, type Span, SpanKind, type Tracer, trace } from '@opentelemetry/api';
import type { LeafEnd, LeafMetadata } from '../shared/link/leaf-call.ts';
import type { MethodPlan } from '../shared/schema/plan.ts';
import {
  activeTracer,
  callersContext,
  endClientSpan,
  endServerSpan,
  rpcNames,
  withContext,
} from '../shared/tracing/tracing.ts';
import type { Attempt } from './attempt.ts';
import { type Coverage, formatShards } from './coverage.ts';
import type { RequestPlan } from './plan.ts';

export class AnswerTrace {
  readonly #tracer: Tracer;
  readonly #method: MethodPlan;
  readonly #parent: Context;
  readonly #span: Span;
  readonly #attempts = new Map<Attempt, Span>();

  constructor(tracer: Tracer, method: MethodPlan, metadata: Metadata) {
    const { name, attributes } = rpcNames(method.path);
    const caller = callersContext(metadata);
    this.#tracer = tracer;
    this.#method = method;
    this.#span = tracer.startSpan(
      name,
      { kind: SpanKind.SERVER, attributes: { ...attributes, 'regather.scatter': method.scatter.to } },
      caller,
    );
    this.#parent = trace.setSpan(caller, this.#span);
  }

  planned(plan: RequestPlan, epoch: number): void {
    this.#span.setAttributes({ 'regather.tasks': plan.tasks.length, 'regather.epoch': epoch });
  }

  /** It has been let in, after having waited or at once. */
  admitted(waitedMs: number): void {
    this.#span.setAttribute('regather.admission_ms', waitedMs);
  }

  /** An attempt begins; with its metadata the worker's span is below it. */
  began(attempt: Attempt, metadata: LeafMetadata): LeafMetadata {
    const { worker, tasks } = attempt.share;
    const { name, attributes } = rpcNames(this.#method.leaf.path);
    const span = this.#tracer.startSpan(
      name,
      {
        kind: SpanKind.CLIENT,
        attributes: {
          ...attributes,
          ...serverOf(worker.address),
          'regather.worker': worker.id,
          'regather.attempt': attempt.kind,
          'regather.tasks': tasks.length,
          'regather.shards': formatShards(tasks.map(({ shard }) => shard)),
        },
      },
      this.#parent,
    );
    this.#attempts.set(attempt, span);
    return withContext(metadata, trace.setSpan(this.#parent, span));
  }

  /** Cancelled ones end after the answer. */
  attemptEnded(attempt: Attempt, { failures, queueUs, serviceUs }: LeafEnd): void {
    const span = this.#attempts.get(attempt);
    if (span === undefined) return;
    this.#attempts.delete(attempt);
    span.setAttributes({ 'regather.queue_us': queueUs, 'regather.service_us': serviceUs });
    if (failures.length > 0) {
      span.setAttribute('regather.failed_shards', formatShards(failures.map(({ shard }) => shard)));
    }
    // We told it to stop: that is no failure of the worker's.
    const [failure] = attempt.cancelled ? [] : failures;
    if (attempt.cancelled) span.setAttribute('regather.cancelled', true);
    endClientSpan(span, failure?.code ?? 0, failure?.message ?? '');
  }

  covered({ expected, answered, missing }: Coverage): void {
    this.#span.setAttributes({ 'regather.expected': expected, 'regather.answered': answered });
    if (missing.length > 0) {
      this.#span.setAttribute('regather.missing_shards', formatShards(missing.map(({ shard }) => shard)));
    }
  }

  end(code: number, message: string): void {
    endServerSpan(this.#span, code, message);
  }
}

/** Undefined where nobody listens. */
export function traceAnswer(method: MethodPlan, metadata: Metadata): AnswerTrace | undefined {
  const tracer = activeTracer();
  return tracer === undefined ? undefined : new AnswerTrace(tracer, method, metadata);
}

function serverOf(address: string): { 'server.address': string; 'server.port'?: number } {
  const colon = address.lastIndexOf(':');
  const port = Number(address.slice(colon + 1));
  if (colon < 0 || !Number.isInteger(port)) return { 'server.address': address };
  return { 'server.address': address.slice(0, colon).replace(/^\[|\]$/g, ''), 'server.port': port };
}
