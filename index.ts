/** Everything that is public. What isn't here may change without notice. */

// For those who serve: a root before shards, workers that host them.
export type { MethodPolicyOptions, PolicyOptions } from './root/policy.ts';
export { createRoot, type Root, type RootOptions } from './root/root.ts';
export { fileTopology } from './root/topology/file.ts';
export { staticTopology } from './root/topology/static.ts';
export type { Topology, TopologyProvider, TopologyWorker } from './root/topology/topology.ts';
export type { Call, Handler, Shard, StreamHandler } from './shard/handlers.ts';
export { createWorker, type Worker } from './shard/worker.ts';
// Errors.
export { codes, type ErrorCode } from './shared/errors/codes.ts';
export { type ErrorContext, RegatherError } from './shared/errors/errors.ts';
// For those who lay out data.
export { shardOf } from './shared/keys/shard-of.ts';
// For those who merge: reducers of their own, and the kit that checks their laws.
export type { CustomReducer, CustomReducers, CustomValue } from './shared/reducers/custom.ts';
export { checkReducerLaws, type LawSamples } from './shared/reducers/law-kit.ts';
// For tools: the plan of a service, as data.
export { compilePlan } from './shared/schema/compile.ts';
export { loadDescriptors } from './shared/schema/descriptors.ts';
export type * from './shared/schema/plan.ts';
