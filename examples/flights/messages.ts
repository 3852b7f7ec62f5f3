/** The messages of flights.proto as handlers get and give them. */

/** What every codec takes for an int64 that is small enough; requests carry them as strings. */
export type Int64 = number | string;

export interface Filter {
  readonly from: string;
  readonly until: string;
  readonly origin: string;
  readonly destination: string;
}

export type GroupBy = 'NOTHING' | 'ORIGIN' | 'DESTINATION' | 'ROUTE' | 'MONTH' | 'HOUR';

export interface SummaryRequest {
  readonly filter: Filter | null;
  readonly groupBy: GroupBy;
}

/** A shard's part of a group; the root computes the averages. */
export interface Group {
  readonly key: string;
  readonly count: Int64;
  readonly delaySum: Int64;
  readonly delayMin: number;
  readonly delayMax: number;
  readonly distanceSum: Int64;
  readonly distanceMin: number;
  readonly distanceMax: number;
}

export interface SummaryResponse {
  readonly groups: readonly Group[];
  readonly total: Int64;
}

export interface Flight {
  readonly id: Int64;
  readonly date: string;
  readonly origin: string;
  readonly destination: string;
  readonly delay: number;
  readonly distance: number;
}

export interface WorstRequest {
  readonly filter: Filter | null;
  readonly limit: number;
  readonly offset: number;
}

export interface WorstResponse {
  readonly flights: readonly Flight[];
  readonly total: Int64;
}

export interface GetRequest {
  readonly id: string;
}

export interface GetManyRequest {
  readonly ids: readonly string[];
}

export interface StreamRequest {
  readonly filter: Filter | null;
}

export interface FlightsResponse {
  readonly flights: readonly Flight[];
}

/** What a handler is told of its call, as far as this service needs it. */
export interface Call {
  readonly signal: AbortSignal;
}

export interface FlightsHandlers {
  Summary(request: SummaryRequest, call: Call): Promise<SummaryResponse>;
  Worst(request: WorstRequest, call: Call): Promise<WorstResponse>;
  Get(request: GetRequest, call: Call): Promise<Flight>;
  GetMany(request: GetManyRequest, call: Call): Promise<FlightsResponse>;
  Stream(request: StreamRequest, call: Call): AsyncIterable<FlightsResponse>;
}
