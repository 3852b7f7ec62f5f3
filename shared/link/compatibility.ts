/** Whether two ends of a link may talk: what each says in its Hello against what the other knows. */
import type { ServicePlan } from '../schema/plan.ts';
import type { HelloFrame, PlanFieldFrame } from './frames.ts';

/** How a plan is told and compared. */
export interface PlanComparison {
  fields(plan: ServicePlan): readonly PlanFieldFrame[];
  /** The first (message, number) known to both that differs, in words. */
  conflict(ours: readonly PlanFieldFrame[], theirs: readonly PlanFieldFrame[]): string | undefined;
}

/** Why a Hello can't be accepted, if so. */
export function refusal(
  ours: { readonly service: string; readonly plan: readonly PlanFieldFrame[] },
  theirs: HelloFrame,
  comparison: PlanComparison,
): string | undefined {
  if (theirs.service !== ours.service)
    return `"${theirs.peer}" serves ${theirs.service}, this end ${ours.service}`;
  const conflict = comparison.conflict(ours.plan, theirs.plan);
  return conflict === undefined ? undefined : `"${theirs.peer}" has another schema: ${conflict}`;
}
