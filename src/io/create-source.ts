/** Makes the source of a graph's node. Called on the thread of the sources, once a life of that thread. */
import { millraceError } from '../errors.ts';
import type { GraphNode } from '../plan/graph.ts';
import type { Receiver } from '../dstream/receiver.ts';
import { InputSource } from './input.ts';
import { BatchListSource, QueueSource } from './queue-stream.ts';
import { ReceiverSource } from './receiver-source.ts';
import { RecordsSource, type RecordsSourceOptions } from './records-source.ts';
import { SocketReceiver, type SocketReceiverOptions } from './socket-receiver.ts';
import { SocketSource, type SocketOptions } from './socket.ts';
import { FilesSource, type FilesOptions } from './files-source.ts';
import type { Source } from './source.ts';

export interface CreateSourceOptions {
  readonly batchIntervalMs: number;
  /** How long a receiver gathers single records. */
  readonly blockIntervalMs: number;
  /** Number of the source. */
  readonly streamId: number;
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
    case 'files':
      return new FilesSource({
        // Files of a test are whole, and virtual time may pass faster than they are looked at.
        ...(options.isVirtual ? { ...params, settleMs: 0 } : params),
        ...functions,
        batchIntervalMs: options.batchIntervalMs,
      } as unknown as FilesOptions);
    case 'receiver':
      return new ReceiverSource({
        ...params,
        make: functions['make'] as () => Receiver,
        streamId: options.streamId,
        blockIntervalMs: options.blockIntervalMs,
      });
    case 'socketStream':
      return new ReceiverSource({
        make: () =>
          new SocketReceiver({ ...params, ...functions } as unknown as SocketReceiverOptions),
        streamId: options.streamId,
        blockIntervalMs: options.blockIntervalMs,
        restartDelayMs: 100,
        longestDelayMs: 5000,
        isLossy: true,
      });
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
