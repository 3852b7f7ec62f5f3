/**
 * OpenTelemetry, through its API alone: whoever runs the process registers an SDK, or none. Without one a single comparison per answer
 * and task is all there is, and a client's `traceparent` travels like other metadata.
 */

import type { Metadata } from '@grpc/grpc-js';
import {
  type Context,
  context,
  ProxyTracerProvider,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanStatusCode,
  type TextMapGetter,
  type TextMapSetter,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { statusName } from '../errors/status-names.ts';
import type { LeafMetadata } from '../link/leaf-call.ts';
import { version } from '../package.ts';

/** Undefined as long as nobody has registered an SDK. */
export function activeTracer(): Tracer | undefined {
  const provider = trace.getTracerProvider();
  return provider instanceof ProxyTracerProvider
    ? provider.getDelegateTracer('regather', version)
    : provider.getTracer('regather', version);
}

/** The caller's context, as the registered propagator reads it. */
export function callersContext(metadata: Metadata): Context {
  return propagation.extract(ROOT_CONTEXT, metadata, fromMetadata);
}

export function callersContextOf(metadata: LeafMetadata): Context {
  return propagation.extract(ROOT_CONTEXT, metadata, fromLeafMetadata);
}

/** The metadata with the context in place of the caller's; of other keys it changes nothing. */
export function withContext(metadata: LeafMetadata, spanContext: Context): LeafMetadata {
  const fields = new Set(propagation.fields());
  const kept = metadata.filter(([key]) => !fields.has(key));
  propagation.inject(spanContext, kept, intoLeafMetadata);
  return kept;
}

/** "/acme.search.v1.Search/TopK", in the words of the semantic conventions. */
export interface RpcNames {
  readonly name: string;
  readonly attributes: {
    readonly 'rpc.system': 'grpc';
    readonly 'rpc.service': string;
    readonly 'rpc.method': string;
  };
}

const known = new Map<string, RpcNames>();

export function rpcNames(path: string): RpcNames {
  let names = known.get(path);
  if (names === undefined) {
    const slash = path.lastIndexOf('/');
    const service = path.slice(1, slash);
    const method = path.slice(slash + 1);
    names = {
      name: `${service}/${method}`,
      attributes: { 'rpc.system': 'grpc', 'rpc.service': service, 'rpc.method': method },
    };
    known.set(path, names);
  }
  return names;
}

/** Codes that say that the server is at fault: a client that asks for what isn't there is no error of the server's span. */
const serverErrors: ReadonlySet<number> = new Set([2, 4, 12, 13, 14, 15]);

export function endServerSpan(span: Span, code: number, message: string): void {
  endSpan(span, code, message, serverErrors.has(code));
}

export function endClientSpan(span: Span, code: number, message: string): void {
  endSpan(span, code, message, code !== 0);
}

function endSpan(span: Span, code: number, message: string, failed: boolean): void {
  span.setAttribute('rpc.grpc.status_code', code);
  if (failed) span.setStatus({ code: SpanStatusCode.ERROR, message: message || statusName(code) });
  span.end();
}

/** What runs in it, also after awaiting, has the span as its parent. */
export function runWithin<T>(parent: Context, span: Span, run: () => T): T {
  return context.with(trace.setSpan(parent, span), run);
}

const fromMetadata: TextMapGetter<Metadata> = {
  keys: (metadata) => Object.keys(metadata.getMap()),
  get: (metadata, key) => text(metadata.get(key).map(String)),
};

const fromLeafMetadata: TextMapGetter<LeafMetadata> = {
  keys: (metadata) => metadata.map(([key]) => key),
  get: (metadata, key) => text(metadata.filter(([one]) => one === key).map(([, value]) => String(value))),
};

/** A field that comes several times is one list, as in HTTP. */
function text(values: readonly string[]): string | undefined {
  return values.length === 0 ? undefined : values.join(',');
}

const intoLeafMetadata: TextMapSetter<LeafMetadata> = {
  set(metadata, key, value) {
    // `withContext` made it.
    (metadata as [string, string][]).push([key, value]);
  },
};
