/** Regather's merge as the merge scenario calls it: partials in, answer out, nothing kept in between. */
import { compileMerger } from '../../shared/merge/compile.ts';
import type { MergeContext, Part } from '../../shared/merge/merger.ts';
import { compilePlan } from '../../shared/schema/compile.ts';
import { loadDescriptors } from '../../shared/schema/descriptors.ts';
import type { SearchMerge } from '../peers/merge-search.ts';

export function wireMerge(protoFile: string, methodName: string): SearchMerge {
  const plan = compilePlan(loadDescriptors({ proto: protoFile }), undefined);
  const method = plan.methods.find((one) => one.name === methodName);
  if (method === undefined) throw new Error(`${protoFile} has no method ${methodName}`);
  const merger = compileMerger(method, new Map());
  return (partials, limit) => {
    const context: MergeContext = { windows: [{ offset: 0, limit }], orders: [], final: true };
    const parts: Part[] = [];
    for (let shard = 0; shard < partials.length; shard++)
      parts.push(merger.stage([shard], partials[shard]!, []));
    return merger.merge(parts, context).payload;
  };
}
