/** What a sink is (`plan/sink.ts`), under the name by which topologies know it. */
export type { Sink, SinkContext, SinkSpec } from '../plan/sink.ts';
