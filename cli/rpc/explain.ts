/** regather.v1.Explain from the trailers of a call. */
import type { Metadata } from '@grpc/grpc-js';
import { decodeOwn } from './own-messages.ts';

/** As much as a root gives: the command's own client takes it. */
export const explainBytes = '32768';

/** regather.v1.Explain as proto3 JSON: what is 0, empty or unspecified is left out. */
export interface ExplainJson {
  readonly verdict?: string;
  readonly method?: string;
  readonly scatter?: string;
  readonly tasks?: number;
  readonly epoch?: string;
  readonly reducers?: readonly string[];
  readonly totalUs?: number;
  readonly allowedUs?: number;
  readonly admissionUs?: number;
  readonly planUs?: number;
  readonly mergeUs?: number;
  readonly hedgeAfterUs?: number;
  readonly notHedged?: string;
  readonly primaries?: number;
  readonly hedges?: number;
  readonly retries?: number;
  readonly probes?: number;
  readonly budgetLeft?: number;
  readonly hedgesLeft?: number;
  readonly shards?: readonly ExplainedShardJson[];
  readonly shardsLeftOut?: number;
  readonly truncated?: boolean;
}

export interface ExplainedShardJson {
  readonly shard?: number;
  readonly missing?: string;
  readonly notHedged?: string;
  readonly attempts?: readonly ExplainedAttemptJson[];
}

export interface ExplainedAttemptJson {
  readonly kind?: string;
  readonly worker?: string;
  readonly outcome?: string;
  readonly startedUs?: number;
  readonly tookUs?: number;
  readonly queueUs?: number;
  readonly serviceUs?: number;
  readonly heldUs?: number;
  readonly wireUs?: number;
  readonly detail?: string;
}

export function explainOf(trailers: Metadata): ExplainJson | undefined {
  const [bytes] = trailers.get('regather-explain-bin');
  return Buffer.isBuffer(bytes)
    ? (decodeOwn('explain.proto', 'regather.v1.Explain', bytes) as ExplainJson)
    : undefined;
}
