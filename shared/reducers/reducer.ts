/**
 * What every reducer is to the merge around it. A reducer belongs to one field of one message and reads what each source's scan kept
 * of that field.
 */

import type { MergeContext } from '../merge/merger.ts';
import type { Sources } from '../merge/scan.ts';
import type { Writer } from '../wire/writer.ts';

/** What holds of a reducer, whatever the values. */
export interface Laws {
  /**
   * The result depends neither on how sources are grouped nor on their order, to the byte, so that workers may merge their shards first.
   * The plan may still treat a free field as ordered, never the other way round.
   */
  readonly free: boolean;
  /** What a source adds nothing with: by leaving the field out, or (`nothing`) not at all, because absent means something. */
  readonly neutral: 'absent' | 'nothing';
}

export interface Reducer {
  readonly laws: Laws;
  /** Writes the merged field, tag included, or nothing. Throws RegatherError. */
  reduce(sources: Sources, out: Writer, run: MergeRun): void;
}

/** One merge of one request. */
export class MergeRun {
  readonly context: MergeContext;
  readonly final: boolean;
  /** Internal fields are written although this is the final answer: a group is sorted by them before they go. */
  keepInternal = false;
  unknownFields = 0;

  constructor(context: MergeContext) {
    this.context = context;
    this.final = context.final;
  }
}
