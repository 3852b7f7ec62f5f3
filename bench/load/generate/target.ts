/** Whom a run calls, as plain data that a generator process can be given. */
import type { ClientTls } from '../../../shared/tls/credentials.ts';

export interface LoadTarget {
  /** host:port */
  readonly address: string;
  /** "/acme.search.v1.Search/TopK" */
  readonly path: string;
  /** Server-streaming: a request's latency is that of its whole stream. */
  readonly streaming: boolean;
  readonly tls?: ClientTls | undefined;
  /** Sent with every request; values of "-bin" keys are base64. */
  readonly metadata: readonly (readonly [key: string, value: string])[];
  /** Of each request, from when it was really sent. */
  readonly deadlineMs: number;
  /** HTTP/2 connections of all generators together, at least one each; requests take turns on them. */
  readonly connections: number;
}
