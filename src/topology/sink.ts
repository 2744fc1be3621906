/** What a sink is (`plan/sink.ts`), under the name by which topologies know it. */
export type { Delivery, Kept, Sink, SinkContext, SinkPart, SinkSpec } from '../plan/sink.ts';
