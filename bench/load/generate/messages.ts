/** What a run and its generator processes say to each other. */
import type { ErrorCode } from '../../../shared/errors/codes.ts';
import type { GeneratorEnd, GeneratorTask } from './generator.ts';
import type { SampleBatch } from './sample.ts';

export type ToGenerator =
  | { readonly say: 'prepare'; readonly task: GeneratorTask }
  | { readonly say: 'run'; readonly startAtMs: number }
  | { readonly say: 'stop'; readonly graceMs: number };

export type FromGenerator =
  | { readonly say: 'ready' }
  | { readonly say: 'failed'; readonly code: ErrorCode; readonly message: string }
  | { readonly say: 'samples'; readonly batch: SampleBatch }
  | { readonly say: 'ended'; readonly end: GeneratorEnd };
