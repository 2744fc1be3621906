/**
 * A TCP server of lines for tests, benchmarks and the demo: an endless Zipf text, as fast as it is taken or at a rate,
 * and a ledger that says what a client must have counted at any byte position.
 *
 *   const server = new TextServer({ resumable: true });
 *   const port = await server.listen();
 *   … a client sends `position <bytes>\n` and gets the text from there …
 *   server.ledgerAt(bytes); // Map(word → count)
 *
 * I1  The bytes at a position are always the same. With `resumable` each client says where it begins; without, a new
 *     client gets what comes behind all that was written to those before it, as from any live stream.
 * I2  A client that doesn't read stops its own text, nothing else.
 */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Clock } from '../env/env.ts';
import { realEnv } from '../env/real.ts';
import { TextLedger, type TextLedgerOptions } from './text-ledger.ts';

export interface TextServerOptions extends TextLedgerOptions {
  /** 0 takes a free one. @default 0 */
  readonly port?: number;
  /** @default '127.0.0.1' */
  readonly host?: string;
  /** Lines a second, counted from the first connection; a client that was away catches up. @default as fast as taken */
  readonly rate?: number;
  /** Clients say where they begin. @default false */
  readonly resumable?: boolean;
  /** No more lines than this. @default no end */
  readonly limitLines?: number;
  /** At the limit the connection is ended; else it stays open in silence. @default false */
  readonly endAtLimit?: boolean;
  readonly clock?: Clock;
}

const SLICE_BYTES = 256 * 1024;
const TICK_MS = 10;
const HELLO_BYTES = 64;

interface Client {
  readonly socket: Socket;
  /** Where the next byte is taken from; undefined before the hello. */
  position: number | undefined;
  hello: string;
}

export class TextServer {
  readonly #options: TextServerOptions;
  readonly #clock: Clock;
  readonly #ledger: TextLedger;
  #limitBytes: number;
  readonly #clients = new Set<Client>();
  #server: Server | undefined;
  #startedMs: number | undefined;
  #ticking = false;
  #served = 0;
  #connections = 0;

  constructor(options: TextServerOptions = {}) {
    this.#options = options;
    this.#clock = options.clock ?? realEnv().clock;
    this.#ledger = new TextLedger(options);
    this.#limitBytes =
      options.limitLines === undefined ? Infinity : this.#ledger.bytesOf(options.limitLines);
  }

  /** The furthest position that was handed to a connection. */
  get served(): number {
    return this.#served;
  }

  /** Connections so far. */
  get connections(): number {
    return this.#connections;
  }

  /** Some client doesn't take what is written to it: its buffers are full. */
  get stalled(): boolean {
    return [...this.#clients].some(({ socket }) => socket.writableNeedDrain);
  }

  /** Resolves with the port. */
  listen(): Promise<number> {
    const { port = 0, host = '127.0.0.1' } = this.#options;
    // Four slices in flight: the kernel always has the next one at hand.
    const server = createServer({ noDelay: true, highWaterMark: 4 * SLICE_BYTES }, (socket) =>
      this.#accept(socket),
    );
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
    });
  }

  /** How often each word occurs in the whole lines before a position. */
  ledgerAt(bytes: number): Map<string, number> {
    return this.#ledger.countsAt(bytes);
  }

  /** Whole lines before a position. */
  linesAt(bytes: number): number {
    return this.#ledger.linesAt(bytes);
  }

  /** The position behind so many lines. */
  bytesOf(lines: number): number {
    return this.#ledger.bytesOf(lines);
  }

  /**
   * From now on there is no more text than was handed out, up to the end of the line in which that ends. Gives the
   * position: what a client has counted when it has taken everything.
   */
  hold(): number {
    const lines = this.#ledger.linesAt(this.#served);
    const whole = this.#ledger.bytesOf(lines);
    this.#limitBytes = whole === this.#served ? whole : this.#ledger.bytesOf(lines + 1);
    for (const client of this.#clients) this.#write(client);
    return this.#limitBytes;
  }

  /** Cuts all connections, in the middle of whatever is on its way. */
  disconnect(): void {
    for (const { socket } of this.#clients) socket.resetAndDestroy();
  }

  /** Cuts all connections and listens no more. */
  stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      server.close(() => resolve());
      for (const { socket } of this.#clients) socket.destroy();
    });
  }

  #accept(socket: Socket): void {
    this.#connections++;
    this.#startedMs ??= this.#clock.monotonic();
    const client: Client = {
      socket,
      hello: '',
      position: this.#options.resumable ? undefined : this.#served,
    };
    this.#clients.add(client);
    socket.on('error', () => {});
    socket.on('close', () => this.#clients.delete(client));
    socket.on('drain', () => this.#write(client));
    // Reading is also how the end of the connection is noticed.
    socket.on('data', (data) => this.#hear(client, data));
    this.#write(client);
    if (this.#options.rate !== undefined && !this.#ticking) this.#tick();
  }

  #hear(client: Client, data: Buffer): void {
    if (client.position !== undefined) return;
    client.hello += data.toString('latin1');
    const hello = /^position (\d+)\r?\n/.exec(client.hello);
    if (hello !== null) {
      client.position = Number(hello[1]);
      this.#write(client);
    } else if (client.hello.includes('\n') || client.hello.length > HELLO_BYTES) {
      client.socket.end('expected: position <bytes>\n');
    }
  }

  /** Writes until the client's buffers are full, or it has all that it may have by now. */
  #write(client: Client): void {
    const { socket } = client;
    if (client.position === undefined) return;
    const { text } = this.#ledger;
    const end = this.#available();
    while (client.position < end && socket.writable && !socket.writableNeedDrain) {
      const from: number = client.position % text.length;
      const to = Math.min(from + SLICE_BYTES, text.length, from + end - client.position);
      socket.write(text.subarray(from, to));
      client.position += to - from;
    }
    this.#served = Math.max(this.#served, client.position);
    if (this.#options.endAtLimit && client.position >= this.#limitBytes && socket.writable)
      socket.end();
  }

  /** The position up to which there is text by now. */
  #available(): number {
    const { rate } = this.#options;
    if (rate === undefined) return this.#limitBytes;
    const elapsedMs = this.#clock.monotonic() - (this.#startedMs ?? 0);
    return Math.min(this.#limitBytes, this.#ledger.bytesOf(Math.floor((elapsedMs * rate) / 1000)));
  }

  #tick(): void {
    this.#ticking = this.#clients.size > 0;
    if (!this.#ticking) return;
    for (const client of this.#clients) this.#write(client);
    this.#clock.after(TICK_MS, () => this.#tick());
  }
}
