/** Whether two ends of a link may talk: what one says in its Hello against what the other knows. */
import { type PlanField, planConflict } from '../schema/hello.ts';
import type { HelloFrame } from './frames.ts';

/** Why a Hello can't be accepted, if so. Differing shard counts are no reason: while shards are split or merged, both are right. */
export function refusal(service: string, plan: readonly PlanField[], theirs: HelloFrame): string | undefined {
  if (theirs.service !== service) return `"${theirs.peer}" serves ${theirs.service}, this end ${service}`;
  const conflict = planConflict(plan, theirs.plan);
  return conflict === undefined ? undefined : `"${theirs.peer}" has another schema: ${conflict}`;
}
