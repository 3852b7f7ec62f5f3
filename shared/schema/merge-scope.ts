import type { KeySpec, MessageShape, OrderSpec, WindowSpec } from './plan.ts';
import type { Problems } from './problems.ts';
import type { Shapes } from './shapes.ts';

/** Reducers that `custom` merges may name. */
export interface CustomNames {
  /** Undefined: any name passes. */
  readonly known: ReadonlySet<string> | undefined;
  /** Those that declare their result free of grouping and order. */
  readonly free: ReadonlySet<string>;
}

/** One method's, while its merge is compiled. */
export interface MergeScope {
  readonly shapes: Shapes;
  readonly problems: Problems;
  readonly custom: CustomNames;
  /** "TopK", for errors that depend on the request. */
  readonly method: string;
  readonly request: MessageShape;
  /** SPLIT. */
  readonly key: KeySpec | undefined;
  readonly windows: WindowSpec[];
  readonly orders: OrderSpec[];
}
