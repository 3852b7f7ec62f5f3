/**
 * Every error that Regather reports by itself, in one place. docs/reference/errors.md has an entry for each (tested).
 * `grpc` is the status code that a client sees (google.rpc.Code); `exit` what the command line exits with.
 */
export const codes = {
  USAGE: { exit: 2, grpc: 3, title: 'The command line was wrong.' },
  CONFIG_INVALID: {
    exit: 2,
    grpc: 9,
    title: 'The config has a wrong type, an unknown key or a missing file.',
  },
  PORT_TAKEN: { exit: 2, grpc: 14, title: 'An address to listen on is taken or not ours.' },
  PROTO_INVALID: { exit: 2, grpc: 9, title: 'A .proto or descriptor set does not parse or link.' },
  SERVICE_UNKNOWN: { exit: 2, grpc: 9, title: 'The service is not in the .proto.' },
  PLAN_INVALID: { exit: 2, grpc: 9, title: 'An annotation breaks a rule.' },
  REDUCER_UNKNOWN: { exit: 2, grpc: 9, title: 'A custom merge names no registered reducer.' },
  TOPOLOGY_INVALID: { exit: 2, grpc: 9, title: 'The topology breaks a rule.' },
  MODULE_INVALID: { exit: 2, grpc: 9, title: 'The worker or reducer module cannot be used.' },
  REQUEST_MALFORMED: { exit: 1, grpc: 3, title: 'The request does not decode.' },
  REQUEST_KEY_EMPTY: { exit: 1, grpc: 3, title: 'The key of a KEY or SPLIT request is empty.' },
  REQUEST_WINDOW: { exit: 1, grpc: 3, title: 'offset + limit is above the window.' },
  REQUEST_ORDER: {
    exit: 1,
    grpc: 3,
    title: 'The order that a request asks for names no field of the group.',
  },
  REQUEST_METADATA: {
    exit: 1,
    grpc: 3,
    title: "A request's `regather-` metadata has a value that is not allowed.",
  },
  REQUEST_TOO_LARGE: {
    exit: 1,
    grpc: 8,
    title: 'A SPLIT request would be too large once every shard has its copy.',
  },
  METHOD_NOT_SERVED: { exit: 1, grpc: 12, title: 'The method is marked NONE.' },
  PARTIAL_MALFORMED: { exit: 1, grpc: 13, title: 'A partial does not decode or breaks its contract.' },
  PARTIAL_TOO_LARGE: { exit: 1, grpc: 8, title: 'A partial is larger than max_answer_bytes.' },
  ANSWER_TOO_LARGE: { exit: 1, grpc: 8, title: 'The answer is larger than max_answer_bytes.' },
  GATHER_FULL: { exit: 1, grpc: 8, title: 'The root holds as many bytes of partials as it may.' },
  MERGE_OUT_OF_RANGE: { exit: 1, grpc: 11, title: 'A merged integer does not fit its field.' },
  MERGE_DISAGREEMENT: { exit: 1, grpc: 13, title: 'Shards disagree on a field that must be the same.' },
  DEADLINE_PASSED: { exit: 1, grpc: 4, title: 'Time ran out.' },
  CANCELLED: { exit: 1, grpc: 1, title: 'The client left.' },
  UNAVAILABLE: { exit: 1, grpc: 14, title: 'A worker or root could not be reached.' },
  LINK_REFUSED: { exit: 1, grpc: 9, title: 'The two ends of a link have incompatible schemas or versions.' },
  LINK_PROTOCOL: { exit: 1, grpc: 13, title: 'A peer broke the link protocol.' },
  LINK_LOST: { exit: 1, grpc: 14, title: 'The link was lost or fell silent.' },
  ROOT_OVERLOADED: {
    exit: 1,
    grpc: 8,
    title: 'The root has more requests than it and its workers can answer.',
  },
  WORKER_BUSY: { exit: 1, grpc: 8, title: "The worker's queue is full." },
  SHARD_HANGS: {
    exit: 1,
    grpc: 14,
    title: 'Tasks of the shard hang on the worker, which keeps slots for others.',
  },
  WORKER_OVERLOADED: { exit: 1, grpc: 8, title: 'The worker cannot do the task in the time it has left.' },
  WORKER_DRAINING: { exit: 1, grpc: 14, title: 'The worker is draining.' },
  SHARD_NOT_SERVED: { exit: 1, grpc: 9, title: 'The worker does not serve that shard.' },
  RESULT_INVALID: { exit: 2, grpc: 9, title: 'A file of results is broken or cannot be compared.' },
  PACKAGE_MISSING: { exit: 2, grpc: 9, title: 'An optional package that is needed here is not installed.' },
  REPORT_UNWRITABLE: { exit: 1, grpc: 8, title: 'A report could not be written.' },
  INTERNAL: { exit: 1, grpc: 13, title: 'A defect in Regather.' },
} as const satisfies Record<string, { exit: 1 | 2; grpc: number; title: string }>;

export type ErrorCode = keyof typeof codes;
