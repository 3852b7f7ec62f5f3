/** The span of one task's execution, below the attempt that sent it. Made only where an SDK is registered. */
import { type Context, type Span, SpanKind } from '@opentelemetry/api';
import type { LeafMetadata } from '../shared/link/leaf-call.ts';
import {
  activeTracer,
  callersContextOf,
  endServerSpan,
  rpcNames,
  runWithin,
} from '../shared/tracing/tracing.ts';

export class TaskTrace {
  readonly #parent: Context;
  readonly #span: Span;

  constructor(parent: Context, span: Span) {
    this.#parent = parent;
    this.#span = span;
  }

  /** Spans that the handler makes are below the task's. */
  run<T>(handler: () => T): T {
    return runWithin(this.#parent, this.#span, handler);
  }

  end(code: number, message: string): void {
    endServerSpan(this.#span, code, message);
  }
}

/** Undefined where nobody listens. */
export function traceTask(
  path: string,
  shard: number,
  queueMs: number,
  metadata: LeafMetadata,
): TaskTrace | undefined {
  const tracer = activeTracer();
  if (tracer === undefined) return undefined;
  const { name, attributes } = rpcNames(path);
  const parent = callersContextOf(metadata);
  const span = tracer.startSpan(
    name,
    {
      kind: SpanKind.SERVER,
      attributes: { ...attributes, 'regather.shard': shard, 'regather.queue_us': Math.round(queueMs * 1000) },
    },
    parent,
  );
  return new TaskTrace(parent, span);
}
