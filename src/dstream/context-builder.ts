/**
 * The part of a streaming context that builds: sources, unions, and the graph that they grow into. It is what the
 * builder of a job gets as `ssc`.
 *
 * Used by the thread that builds a job. A source made here is a description; `src/io` makes the source itself on the
 * I/O thread.
 *
 * I1  Sources have names of their own in a context (`named`, or the option `name`), and inputs have theirs.
 * I2  Numbers of partitions are the planner's: no source here says how many it has.
 */
import { GraphBuilder } from '../plan/graph-builder.ts';
import type { Graph, GraphNode, UserFunction } from '../plan/graph.ts';
import {
  badOption,
  type Caller,
  checkBoolean,
  checkFunction,
  checkInteger,
  checkOptions,
  checkText,
} from './arguments.ts';
import { Batch } from './batch.ts';
import { callSiteText } from './call-site.ts';
import { DStream } from './dstream.ts';

/** What a server that can resume is told: what of its stream has arrived and need not be sent again. */
export interface StreamPosition {
  /** Bytes, line ends included. */
  readonly bytes: number;
  readonly lines: number;
}

export interface SocketOptions {
  /**
   * What to send on each connection, before anything is read. A server that then goes on behind the position makes
   * the socket replayable: nothing is lost or doubled when a connection or thread dies. Runs on the I/O thread, so it
   * must be quick. @default nothing is sent; what a dying I/O thread had not yet passed on is lost
   */
  readonly hello?: (position: StreamPosition) => string | Uint8Array;
  /** The longest line in bytes, without its end. @default 1048576 (1 MiB); at least 1 */
  readonly maxLineBytes?: number;
  /**
   * What to do with a longer one: `'fail'` the job with ERR_MILLRACE_LINE_TOO_LONG, `'cut'` it to `maxLineBytes`, or
   * `'skip'` it. Cut and skipped lines are counted. @default 'fail'
   */
  readonly onLongLine?: 'fail' | 'cut' | 'skip';
  /** The only one: bytes that aren't UTF-8 become U+FFFD and are counted. @default 'utf8' */
  readonly encoding?: 'utf8';
  /** A name in place of `socketTextStream#1`, as by `named`. */
  readonly name?: string;
}

export interface FileOptions {
  /** Leaves out files that are older than the start. @default true */
  readonly newFilesOnly?: boolean;
}

export interface QueueOptions<T> {
  /** One array of the queue a batch; false: all that are there, as one batch. @default true */
  readonly oneAtATime?: boolean;
  /** The batch when the queue is empty. @default an empty batch */
  readonly default?: readonly T[];
}

/** The batches of streams. */
export type BatchesOf<S extends readonly DStream<unknown>[]> = {
  -readonly [K in keyof S]: S[K] extends DStream<infer T> ? Batch<T> : never;
};

const MAX_LINE_BYTES = 1_048_576;
const ON_LONG_LINE: readonly unknown[] = ['fail', 'cut', 'skip'];

/** Makes the streams of a job. */
export class ContextBuilder {
  readonly #builder: GraphBuilder;

  /** @param owner who the graph belongs to, as error texts begin: `job "clicks"` */
  constructor(owner = 'the context') {
    this.#builder = new GraphBuilder(owner);
  }

  /**
   * Lines of UTF-8 text from a TCP server; `\n` or `\r\n` ends one. Connects again, with growing delays, when the
   * connection fails or ends.
   * @param port from 1 to 65535
   */
  socketTextStream(host: string, port: number, options: SocketOptions = {}): DStream<string> {
    const caller = this.#call('socketTextStream');
    checkText(caller, 'host', host);
    checkInteger(caller, 'port', port, 1, 65_535);
    checkOptions(caller, options, ['hello', 'maxLineBytes', 'onLongLine', 'encoding', 'name']);
    const {
      hello,
      maxLineBytes = MAX_LINE_BYTES,
      onLongLine = 'fail',
      encoding = 'utf8',
      name,
    } = options;
    if (hello !== undefined) checkFunction(caller, 'hello', hello);
    checkInteger(caller, 'maxLineBytes', maxLineBytes);
    if (!ON_LONG_LINE.includes(onLongLine))
      throw badOption(caller, 'onLongLine', "'fail', 'cut' or 'skip'", onLongLine);
    if (encoding !== 'utf8') throw badOption(caller, 'encoding', "'utf8'", encoding);
    return this.#source<string>(caller, 'socket', {
      functions: hello === undefined ? {} : { hello },
      params: { host, port, maxLineBytes, onLongLine, encoding },
      name,
    });
  }

  /**
   * Lines of the text files that appear in a directory. Each file is read once, in the first batch whose time is not
   * before its modification time. Move files in whole: a file that is still being written is read as far as it is.
   * Names that begin with a dot are left out.
   */
  textFileStream(directory: string, options: FileOptions = {}): DStream<string> {
    const caller = this.#call('textFileStream');
    checkText(caller, 'directory', directory);
    checkOptions(caller, options, ['newFilesOnly']);
    const { newFilesOnly = true } = options;
    checkBoolean(caller, 'newFilesOnly', newFilesOnly);
    return this.#source<string>(caller, 'textFiles', { params: { directory, newFilesOnly } });
  }

  /**
   * Batches from an array of arrays, which may grow while the job runs: for tests and `threads: 0`. `null` in it is a
   * time without a batch (not an empty one). When the queue is empty, batches are `default`, or empty.
   */
  queueStream<T>(
    queue: readonly (readonly T[] | null)[],
    options: QueueOptions<T> = {},
  ): DStream<T> {
    const caller = this.#call('queueStream');
    if (!Array.isArray(queue)) throw badOption(caller, 'queue', 'an array of arrays', queue);
    queue.forEach((batch: unknown, index) => {
      if (batch !== null && !Array.isArray(batch))
        throw badOption(caller, `queue[${index}]`, 'an array, or null', batch);
    });
    checkOptions(caller, options, ['oneAtATime', 'default']);
    const { oneAtATime = true, default: byDefault } = options;
    checkBoolean(caller, 'oneAtATime', oneAtATime);
    if (byDefault !== undefined && !Array.isArray(byDefault))
      throw badOption(caller, 'default', 'an array', byDefault);
    return this.#source<T>(caller, 'queue', {
      params: { oneAtATime },
      live: byDefault === undefined ? { queue } : { queue, default: byDefault },
    });
  }

  /** What the embedding program pushes: `run.input(name).push(records)`. */
  inputStream<T>(name: string): DStream<T> {
    const caller = this.#call('inputStream');
    checkText(caller, 'name', name);
    const taken = this.#builder
      .graph()
      .nodes.find((node) => node.kind === 'input' && node.params['name'] === name);
    if (taken !== undefined)
      throw badOption(
        caller,
        'name',
        `another than that of the input made at ${taken.callSite}`,
        name,
      );
    return this.#source<T>(caller, 'input', { params: { name } });
  }

  /** The records of all streams: the partitions of the first, then of the second, and so on. */
  union<T>(streams: readonly DStream<T>[]): DStream<T> {
    const caller = this.#call('union');
    if (!Array.isArray(streams) || streams.length === 0) {
      throw badOption(
        caller,
        'streams',
        'an array of at least one stream',
        Array.isArray(streams) ? 'an empty array' : streams,
      );
    }
    return DStream.unionOf(caller, this.#builder, streams);
  }

  /**
   * Gives the batch that `f` makes of the batches of several streams at the same time; `f` may give a promise. See
   * {@link DStream.transform}.
   */
  transform<S extends readonly DStream<unknown>[], U>(
    streams: readonly [...S],
    f: (batches: BatchesOf<S>, time: number) => Batch<U> | Promise<Batch<U>>,
  ): DStream<U> {
    const caller = this.#call('transform');
    if (!Array.isArray(streams) || streams.length === 0)
      throw badOption(
        caller,
        'streams',
        'an array of at least one stream',
        Array.isArray(streams) ? 'an empty array' : streams,
      );
    return DStream.transformOf(caller, this.#builder, streams, f, 'ssc.transform');
  }

  /** A batch of an array, to be joined with those of streams: {@link Batch.of}. */
  batchOf<T>(records: readonly T[], partitions = 1): Batch<T> {
    return Batch.of(records, partitions);
  }

  /** @internal What grows the graph, for the builder of a topology. */
  get builder(): GraphBuilder {
    return this.#builder;
  }

  /** The graph so far. */
  graph(): Graph {
    return this.#builder.graph();
  }

  /** Ends building: every operator after it throws ERR_MILLRACE_GRAPH_FROZEN. May be called again. */
  freeze(): Graph {
    return this.#builder.freeze();
  }

  /** @throws ERR_MILLRACE_NO_OUTPUT when no stream ends in an output */
  validate(): void {
    this.#builder.validate();
  }

  #call(operator: string): Caller {
    const caller = { operator, callSite: callSiteText() };
    this.#builder.assertOpen(operator, caller.callSite);
    return caller;
  }

  #source<T>(
    caller: Caller,
    kind: GraphNode['kind'],
    {
      name,
      ...node
    }: {
      readonly params: Readonly<Record<string, unknown>>;
      readonly functions?: Readonly<Record<string, UserFunction>>;
      readonly live?: unknown;
      readonly name?: string | undefined;
    },
  ): DStream<T> {
    const id = this.#builder.add({ ...caller, kind, role: 'source', parents: [], ...node });
    if (name !== undefined) this.#builder.rename(id, name, caller.callSite);
    return new DStream<T>(this.#builder, id);
  }
}
