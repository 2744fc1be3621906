/** Makes the source of a graph's node. Called on the thread of the sources, once a life of that thread. */
import { millraceError } from '../errors.ts';
import type { GraphNode } from '../plan/graph.ts';
import { InputSource } from './input.ts';
import { BatchListSource, QueueSource } from './queue-stream.ts';
import { RecordsSource, type RecordsSourceOptions } from './records-source.ts';
import { SocketSource, type SocketOptions } from './socket.ts';
import { TextFilesSource, type TextFilesOptions } from './text-files.ts';
import type { Source } from './source.ts';

export interface CreateSourceOptions {
  readonly batchIntervalMs: number;
  /** How long a receiver gathers single records. */
  readonly blockIntervalMs: number;
  /** Time moves from batch to batch. */
  readonly isVirtual: boolean;
  /** In a test: the batches of this source. */
  readonly batches?: readonly (readonly unknown[] | null)[] | undefined;
}

export function createSource(node: GraphNode, options: CreateSourceOptions): Source {
  if (options.batches !== undefined)
    return new BatchListSource(options.batches, options.batchIntervalMs);
  const { params, functions, live } = node;
  switch (node.kind) {
    case 'socket':
      return new SocketSource({ ...params, ...functions } as unknown as SocketOptions);
    case 'textFiles':
      return new TextFilesSource({
        ...params,
        batchIntervalMs: options.batchIntervalMs,
      } as unknown as TextFilesOptions);
    case 'input':
      return new InputSource();
    case 'records':
      return new RecordsSource({
        ...params,
        ...functions,
        ...(live as object | undefined),
      } as RecordsSourceOptions);
    case 'queue': {
      const { queue, ...byDefault } = live as {
        queue: readonly (readonly unknown[])[];
        default?: readonly unknown[];
      };
      return new QueueSource(queue, { ...params, ...byDefault });
    }
    default:
      throw millraceError(
        'ERR_MILLRACE_UNSUPPORTED',
        `${node.uid} at ${node.callSite} is no source`,
      );
  }
}
