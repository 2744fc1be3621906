/**
 * The source of `socketTextStream`: UTF-8 lines from a TCP server, connected again for ever.
 *
 * Runs on the thread of the sources, never blocks. Bytes are read into one buffer of its own; blocks of whole lines go
 * from there into an edge, so there is no string and no object per line, and one copy of the bytes.
 *
 *      open ──▶ connecting ──▶ connected ──▶ disconnected ─┐      close ──▶ (what was read is published)
 *                   ▲                                      │
 *                   └──────────── after the wait ──────────┘
 *
 * I1  When the edge is full, nothing more is read: the kernel's buffers fill and TCP slows the server down. What was
 *     read stays in the buffer, and is published before anything else is read or the server is called again.
 * I2  A connection begins where the last published block ended. With `hello` the server is told that position, so
 *     nothing is lost or doubled, whatever broke off; without it a new connection may hide a gap, and says so.
 * I3  No failure of the network ends the source. It ends by `close`, or fails by a line that is too long or a `hello`
 *     that throws.
 */
import { connect, type Socket } from 'node:net';
import type { Timer } from '../env/env.ts';
import { millraceError } from '../errors.ts';
import { LineCutter, type LongLinePolicy } from './line-cutter.ts';
import { reconnectBackoff, type Backoff, type BackoffOptions } from './reconnect.ts';
import type { Position, Source, SourceContext } from './source.ts';

export interface SocketOptions {
  readonly host: string;
  readonly port: number;
  /**
   * Makes the first bytes that are sent on each connection, out of the position behind all that was published. A server
   * that goes on exactly there makes the source resumable: nothing is lost or doubled when a connection or the thread
   * dies. @default nothing is sent
   */
  readonly hello?: (position: Position) => Uint8Array | string;
  /** The longest line, in bytes. Bounded by a quarter of `retainBytes`. @default 1 MiB */
  readonly maxLineBytes?: number;
  /**
   * What to do with a longer one: `fail` ends the job with ERR_MILLRACE_LINE_TOO_LONG, `cut` keeps its first
   * `maxLineBytes`, `skip` leaves it out; cut and skipped lines are counted. @default 'fail'
   */
  readonly onLongLine?: LongLinePolicy;
  /** The most that is read at once, in bytes. @default 256 KiB */
  readonly readBytes?: number;
  /** An attempt to connect is given up after this time, in ms. @default 10_000 */
  readonly connectTimeoutMs?: number;
  /** The waits between attempts. @default 100 ms to 5 s, twice as long each time */
  readonly backoff?: BackoffOptions;
}

const NOTHING = new Uint8Array(0);

export class SocketSource implements Source {
  readonly #options: SocketOptions;
  readonly #address: string;
  #context: SourceContext | undefined;
  #cutter: LineCutter = new LineCutter(0, 'fail');
  #buffer: Uint8Array = NOTHING;
  #backoff: Backoff | undefined;
  #socket: Socket | undefined;
  #timer: Timer | undefined;
  #error: unknown;
  /** A block was refused: nothing is read until `resume`. */
  #blocked = false;
  /** The connection is over, its last line isn't yet published. */
  #lastLineDue = false;
  /** The wait is over, but a block is still refused. */
  #callDue = false;
  #closed: (() => void) | undefined;

  constructor(options: SocketOptions) {
    const { host, port, maxLineBytes = 1, readBytes = 1 } = options;
    this.#options = options;
    this.#address = `${host}:${port}`;
    if (typeof host !== 'string' || host === '')
      throw badOption('host', 'the name or address of a machine', host);
    if (!Number.isInteger(port) || port < 1 || port > 65_535)
      throw badOption('port', 'an integer from 1 to 65535', port);
    if (!Number.isInteger(maxLineBytes) || maxLineBytes < 1)
      throw badOption('maxLineBytes', 'a positive integer', maxLineBytes);
    if (!Number.isInteger(readBytes) || readBytes < 1)
      throw badOption('readBytes', 'a positive integer', readBytes);
    if (!['fail', 'cut', 'skip', undefined].includes(options.onLongLine)) {
      throw badOption('onLongLine', "'fail', 'cut' or 'skip'", options.onLongLine);
    }
  }

  get rewinds(): boolean {
    return this.#options.hello !== undefined;
  }

  open(context: SourceContext): void {
    const { maxLineBytes = 1 << 20, readBytes = 1 << 18, onLongLine = 'fail' } = this.#options;
    this.#context = context;
    this.#backoff = reconnectBackoff(context.env, this.#options.backoff);
    // A block is at most a carried line, its newline and a buffer: together they must fit.
    const half = Math.floor(context.maxBlockBytes / 2);
    this.#buffer = Buffer.allocUnsafeSlow(Math.min(readBytes, half));
    this.#cutter = new LineCutter(Math.min(maxLineBytes, half - 1), onLongLine);
    this.#blocked = this.#lastLineDue = this.#callDue = false;
    this.#closed = undefined;
    this.#connect(context);
  }

  resume(): void {
    const context = this.#context;
    if (context === undefined || !this.#blocked || !this.#publish(context)) return;
    if (this.#closed !== undefined) this.#end(context);
    else if (this.#socket !== undefined) this.#socket.resume();
    else if (this.#callDue) this.#connect(context);
  }

  close(): Promise<void> {
    const context = this.#context;
    if (context === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      this.#closed = resolve;
      this.#hangUp();
      if (!this.#blocked) this.#end(context);
    });
  }

  #connect(context: SourceContext): void {
    const { host, port, hello, connectTimeoutMs = 10_000 } = this.#options;
    const position = context.position();
    this.#cutter.start(position.bytes);
    this.#callDue = false;
    this.#error = undefined;
    context.state('connecting');
    const socket: Socket = connect({
      host,
      port,
      noDelay: true,
      // A server whose machine is gone is found out within minutes, though nothing is ever sent to it.
      keepAlive: true,
      keepAliveInitialDelay: 30_000,
      onread: {
        buffer: this.#buffer,
        callback: (bytes) => this.#socket === socket && this.#read(context, bytes),
      },
    });
    this.#socket = socket;
    this.#timer = context.env.clock.after(connectTimeoutMs, () => {
      socket.destroy(new Error(`no answer for ${connectTimeoutMs} ms`));
    });
    let connected = false;
    socket.on('connect', () => {
      if (this.#socket !== socket) return;
      connected = true;
      this.#timer?.cancel();
      context.state('connected');
      if (hello !== undefined) this.#greet(context, socket, hello, position);
      else if (position.bytes > 0 || context.isRestart === true) {
        context.possibleGap(
          `${this.#address} was connected again after ${position.bytes} bytes; what it sent meanwhile is not known`,
        );
      }
    });
    socket.on('error', (error) => {
      if (this.#socket === socket) this.#error = error;
    });
    socket.on('close', () => {
      if (this.#socket === socket) this.#over(context, connected);
    });
  }

  #greet(
    context: SourceContext,
    socket: Socket,
    hello: NonNullable<SocketOptions['hello']>,
    position: Position,
  ): void {
    try {
      socket.write(hello(position));
    } catch (cause) {
      this.#fail(
        context,
        millraceError(
          'ERR_MILLRACE_USER_FUNCTION',
          `${context.name}: hello of socketTextStream(${this.#address}) ` +
            `threw or gave neither text nor bytes: ${cause instanceof Error ? cause.message : String(cause)}`,
          {
            cause,
            context: { source: context.name, address: this.#address, position: position.bytes },
          },
        ),
      );
    }
  }

  /** Whether to read on. */
  #read(context: SourceContext, bytes: number): boolean {
    this.#backoff?.reset();
    this.#cutter.feed(
      bytes === this.#buffer.length ? this.#buffer : this.#buffer.subarray(0, bytes),
    );
    return this.#publish(context);
  }

  /** Publishes all whole lines at hand. False: something stays here (I1), or the source has failed. */
  #publish(context: SourceContext): boolean {
    const cutter = this.#cutter;
    this.#blocked = false;
    for (;;) {
      while (cutter.next()) {
        if (!context.sendText(cutter.head, cutter.tail, cutter.position)) {
          this.#blocked = true;
          return false;
        }
        cutter.taken();
        if (cutter.linesCut + cutter.linesSkipped > 0) this.#report(context);
      }
      if (cutter.tooLong) {
        this.#fail(context, this.#lineTooLong(context));
        return false;
      }
      if (!this.#lastLineDue) return true;
      this.#lastLineDue = false;
      cutter.finish();
      if (cutter.linesSkipped > 0) this.#report(context);
    }
  }

  /** Counts are told together with a block, so that a stream that is asked again isn't counted twice. */
  #report(context: SourceContext): void {
    const cutter = this.#cutter;
    if (cutter.linesCut > 0) context.counted('linesCut', cutter.linesCut);
    if (cutter.linesSkipped > 0) context.counted('linesSkipped', cutter.linesSkipped);
    cutter.linesCut = cutter.linesSkipped = 0;
  }

  /** The connection is over, or there was none. */
  #over(context: SourceContext, connected: boolean): void {
    this.#hangUp();
    // A resumable server is asked for the last line again; of any other this is all that there will be.
    this.#lastLineDue = this.#options.hello === undefined;
    const retryInMs = Math.round(this.#backoff?.next() ?? 0);
    const cause = this.#error;
    const what = connected ? 'lost the connection to' : 'cannot connect to';
    const error =
      cause === undefined
        ? undefined
        : millraceError(
            'ERR_MILLRACE_CONNECT',
            `${context.name}: ${what} ${this.#address}: ${describe(cause)}; next attempt in ${retryInMs} ms`,
            { cause, context: { source: context.name, address: this.#address } },
          );
    context.state('disconnected', error === undefined ? { retryInMs } : { error, retryInMs });
    this.#timer = context.env.clock.after(retryInMs, () => {
      if (this.#blocked) this.#callDue = true;
      else this.#connect(context);
    });
    if (!this.#blocked) this.#publish(context);
  }

  #lineTooLong(context: SourceContext): Error {
    const limit = Math.min(
      this.#options.maxLineBytes ?? 1 << 20,
      Math.floor(context.maxBlockBytes / 2) - 1,
    );
    const { lines, bytes } = context.position();
    return millraceError(
      'ERR_MILLRACE_LINE_TOO_LONG',
      `${context.name}: a line from ${this.#address} is longer than ${limit} bytes, ` +
        `the maxLineBytes of socketTextStream. Raise it (and retainBytes to at least eight times as much), or say ` +
        `onLongLine: 'cut' or 'skip'`,
      {
        context: {
          source: context.name,
          address: this.#address,
          maxLineBytes: limit,
          afterBytes: bytes,
          afterLines: lines,
        },
      },
    );
  }

  #fail(context: SourceContext, error: Error): void {
    this.#hangUp();
    this.#context = undefined;
    context.fail(error);
    this.#closed?.();
  }

  /** `close` was asked for, and all that was read is published. */
  #end(context: SourceContext): void {
    if (this.#options.hello === undefined && this.#cutter.partialBytes > 0) {
      context.possibleGap(
        `the last line from ${this.#address} had no end when the source was closed: ` +
          `its first ${this.#cutter.partialBytes} bytes were dropped`,
      );
    }
    this.#context = undefined;
    context.state('ended');
    this.#closed?.();
  }

  #hangUp(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
    socket?.destroy();
  }
}

function describe(cause: unknown): string {
  // A name with several addresses fails with one error for each of them.
  if (cause instanceof AggregateError) return cause.errors.map(describe).join(', ');
  return cause instanceof Error ? cause.message : String(cause);
}

function badOption(option: string, expected: string, value: unknown): Error {
  return millraceError(
    'ERR_MILLRACE_BAD_OPTION',
    `socketTextStream: ${option} must be ${expected}; it is ${String(value)}`,
    {
      context: { option },
    },
  );
}
