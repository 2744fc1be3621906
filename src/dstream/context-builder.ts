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
  checkRate,
  checkText,
} from './arguments.ts';
import { Batch } from './batch.ts';
import { callSiteText } from './call-site.ts';
import { DStream } from './dstream.ts';
import { type Duration, durationMs } from './duration.ts';
import {
  type BinaryFileOptions,
  type CsvFileOptions,
  fileNode,
  type FileSourceOptions,
  type FileStreamOptions,
  type JsonFileOptions,
  type PlainFileOptions,
  type TextFileOptions,
} from './file-options.ts';
import { type Receiver, receiverMaker } from './receiver.ts';
import type {
  InputOptions,
  IterableOptions,
  QueueOptions,
  ReceiverOptions,
  SocketOptions,
  SocketStreamOptions,
} from './source-options.ts';
import { addTransform, addUnion } from './stream/several.ts';
import { rememberAll } from './remember.ts';

/** The batches of streams. */
export type BatchesOf<S extends readonly DStream<unknown>[]> = {
  -readonly [K in keyof S]: S[K] extends DStream<infer T> ? Batch<T> : never;
};

const MAX_LINE_BYTES = 1_048_576;
const ON_LONG_LINE: readonly unknown[] = ['fail', 'cut', 'skip'];

/** Makes the streams of a job. */
export class ContextBuilder {
  readonly #builder: GraphBuilder;
  #remember: { readonly ms: number; readonly caller: Caller } | undefined = undefined;

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
    checkOptions(caller, options, [
      'hello',
      'maxLineBytes',
      'onLongLine',
      'encoding',
      'maxRate',
      'writeAheadLog',
      'name',
    ]);
    const {
      hello,
      maxLineBytes = MAX_LINE_BYTES,
      onLongLine = 'fail',
      encoding = 'utf8',
      maxRate,
      writeAheadLog = true,
      name,
    } = options;
    checkRate(caller, maxRate);
    checkBoolean(caller, 'writeAheadLog', writeAheadLog);
    if (hello !== undefined) checkFunction(caller, 'hello', hello);
    checkInteger(caller, 'maxLineBytes', maxLineBytes);
    if (!ON_LONG_LINE.includes(onLongLine))
      throw badOption(caller, 'onLongLine', "'fail', 'cut' or 'skip'", onLongLine);
    if (encoding !== 'utf8') throw badOption(caller, 'encoding', "'utf8'", encoding);
    return this.#source<string>(caller, 'socket', {
      functions: hello === undefined ? {} : { hello },
      params: { host, port, maxLineBytes, onLongLine, encoding, maxRate, writeAheadLog },
      name,
    });
  }

  /**
   * Records of bytes from a TCP server. `decode` gets the bytes of a connection as they come and makes records of them;
   * it runs on the thread of the sources. Connects again, with growing delays, when the connection ends or fails, and when
   * `decode` throws; what came meanwhile is lost, and told of as a possible gap.
   * @param decode an async generator: `async function* (bytes) { for await (const chunk of bytes) yield …; }`
   */
  socketStream<T>(
    host: string,
    port: number,
    decode: (bytes: AsyncIterable<Uint8Array>) => AsyncIterable<T>,
    options: SocketStreamOptions = {},
  ): DStream<T> {
    const caller = this.#call('socketStream');
    checkText(caller, 'host', host);
    checkInteger(caller, 'port', port, 1, 65_535);
    checkFunction(caller, 'decode', decode);
    checkOptions(caller, options, ['maxRate', 'writeAheadLog', 'name']);
    const { maxRate, writeAheadLog = true, name } = options;
    checkRate(caller, maxRate);
    checkBoolean(caller, 'writeAheadLog', writeAheadLog);
    return this.#source<T>(caller, 'socketStream', {
      functions: { decode },
      params: { host, port, maxRate, writeAheadLog },
      name,
    });
  }

  /**
   * Lines of the text files that appear in a directory, or in all directories that a pattern (`/data/*`) matches. Each
   * file is read once, whole, in the first batch whose time is not before its modification time, once it has been left
   * alone for `settle`. Files come by modification time, then by name.
   */
  textFileStream(directory: string, options: TextFileOptions = {}): DStream<string> {
    const caller = this.#call('textFileStream');
    return this.#source<string>(
      caller,
      'files',
      fileNode(caller, directory, options, { format: 'text' }),
    );
  }

  /**
   * Records of files, taken as by `textFileStream`: lines of text, JSON by line, CSV, or runs of bytes. Workers make the
   * records; what is none fails its batch, or is told of with file and line.
   */
  fileStream(directory: string, options?: PlainFileOptions): DStream<string>;
  fileStream<T = unknown>(directory: string, options: JsonFileOptions): DStream<T>;
  fileStream(
    directory: string,
    options: CsvFileOptions & { readonly header: true | readonly string[] },
  ): DStream<Record<string, string>>;
  fileStream(directory: string, options: CsvFileOptions): DStream<string[]>;
  fileStream(directory: string, options: BinaryFileOptions): DStream<Uint8Array>;
  fileStream(directory: string, options: FileStreamOptions = {}): DStream<never> {
    const caller = this.#call('fileStream');
    return this.#source<never>(caller, 'files', fileNode(caller, directory, options));
  }

  /**
   * Files of records that all have `recordLength` bytes. A file with a rest fails the job with ERR_MILLRACE_BAD_FILE, or
   * the rest is told of as a dead letter.
   */
  binaryRecordsStream(
    directory: string,
    recordLength: number,
    options: FileSourceOptions = {},
  ): DStream<Uint8Array> {
    const caller = this.#call('binaryRecordsStream');
    const fixed = { format: 'binary', recordLength: recordLength ?? null };
    return this.#source<Uint8Array>(caller, 'files', fileNode(caller, directory, options, fixed));
  }

  /**
   * What a receiver of your own stores. It is given as an object, as its class, or as a function that makes it; it runs on
   * the thread of the sources, and is started again, with growing delays, when it fails.
   */
  receiverStream<T>(
    receiver: Receiver<T> | (() => Receiver<T>) | (new () => Receiver<T>),
    options: ReceiverOptions = {},
  ): DStream<T> {
    const caller = this.#call('receiverStream');
    const make = receiverMaker(receiver);
    if (make === undefined)
      throw badOption(
        caller,
        'receiver',
        'an object of a class that extends Receiver, its class, or a function that gives one',
        receiver,
      );
    checkOptions(caller, options, [
      'restartDelay',
      'maxBuffered',
      'maxRate',
      'writeAheadLog',
      'name',
    ]);
    const { restartDelay = '2s', maxBuffered = 1_000_000, maxRate, name } = options;
    const { writeAheadLog = true } = options;
    checkInteger(caller, 'maxBuffered', maxBuffered);
    checkRate(caller, maxRate);
    checkBoolean(caller, 'writeAheadLog', writeAheadLog);
    const restartDelayMs = durationMs(restartDelay, 'restartDelay', 1, caller.callSite);
    return this.#source<T>(caller, 'receiver', {
      functions: { make },
      params: { restartDelayMs, maxBuffered, maxRate, writeAheadLog },
      name,
    });
  }

  /**
   * What an iterable gives: `open` is called on the thread of the sources and gives an async iterable (or a plain one),
   * which is read as fast as the stream takes it. When it throws it is opened again after a while.
   * @param open gets the number of records that are safe already: one that goes on there loses and doubles nothing when
   *   it is opened again. One that takes no argument is read anew, and a possible gap is told of
   */
  fromAsyncIterable<T>(
    open: (position: number) => AsyncIterable<T> | Iterable<T>,
    options: IterableOptions = {},
  ): DStream<T> {
    const caller = this.#call('fromAsyncIterable');
    checkFunction(caller, 'open', open);
    checkOptions(caller, options, ['maxRate', 'writeAheadLog', 'name']);
    const { maxRate, writeAheadLog = true, name } = options;
    checkRate(caller, maxRate);
    checkBoolean(caller, 'writeAheadLog', writeAheadLog);
    return this.#source<T>(caller, 'records', {
      functions: { read: open },
      params: { isSupervised: true, isResumable: open.length > 0, maxRate, writeAheadLog },
      name,
    });
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
  inputStream<T>(name: string, options: InputOptions = {}): DStream<T> {
    const caller = this.#call('inputStream');
    checkText(caller, 'name', name);
    checkOptions(caller, options, ['maxRate', 'writeAheadLog']);
    const { maxRate, writeAheadLog = true } = options;
    checkRate(caller, maxRate);
    checkBoolean(caller, 'writeAheadLog', writeAheadLog);
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
    return this.#source<T>(caller, 'input', { params: { name, maxRate, writeAheadLog } });
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
    return new DStream<T>(this.#builder, addUnion(caller, this.#builder, streams));
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
    const id = addTransform(caller, this.#builder, streams, f, 'ssc.transform');
    return new DStream<U>(this.#builder, id);
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

  /**
   * Keeps the batches of every stream for so long, for `slice`: they come together in the task of the outputs, which
   * costs as much as an output of each stream. Where a few streams will do, use `stream.remember`.
   * @throws ERR_MILLRACE_BAD_DURATION; ERR_MILLRACE_BAD_OPTION when it was called before with another duration
   */
  remember(duration: Duration): void {
    const caller = this.#call('remember');
    const ms = durationMs(duration, 'remember', 1, caller.callSite);
    if (this.#remember !== undefined && this.#remember.ms !== ms)
      throw badOption(caller, 'duration', `${this.#remember.ms} ms, as it was set to before`, ms);
    this.#remember = { ms, caller };
  }

  /** Ends building: every operator after it throws ERR_MILLRACE_GRAPH_FROZEN. May be called again. */
  freeze(): Graph {
    if (!this.#builder.frozen) rememberAll(this.#builder, this.#remember);
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
