/** What a task waits for before its shard answers: how the scenarios give both kinds of worker the same service times and faults. */
export type Before = (
  request: number,
  shard: number,
  call: { readonly signal: AbortSignal },
) => Promise<void> | undefined;
