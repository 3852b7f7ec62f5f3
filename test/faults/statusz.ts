/** What the suite reads in a root's /statusz. */
export interface StatusZ {
  readonly inFlight: number;
  readonly admission: { readonly inUse: number; readonly waiting: number };
  readonly workers: readonly {
    readonly id: string;
    readonly state: string;
    readonly breaker: string;
    readonly inFlight: number;
    readonly tasks: number;
  }[];
  readonly shards: readonly {
    readonly shard: number;
    readonly replicas: readonly {
      readonly worker: string;
      readonly breaker: string;
      /** 1: as usual. */
      readonly latency: number;
    }[];
  }[];
}
