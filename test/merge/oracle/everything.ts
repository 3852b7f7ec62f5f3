import { compilePlan } from '../../../shared/schema/compile.ts';
import { loadDescriptors } from '../../../shared/schema/descriptors.ts';
import type { MethodPlan } from '../../../shared/schema/plan.ts';

/** The one method of everything.proto. */
export function everything(): MethodPlan {
  const proto = new URL('everything.proto', import.meta.url).pathname;
  return compilePlan(loadDescriptors({ proto }), undefined).methods[0]!;
}
