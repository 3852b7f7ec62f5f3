import type { PlanComparison } from './compatibility.ts';

export const planComparison: PlanComparison = { fields: () => [], conflict: () => undefined };
