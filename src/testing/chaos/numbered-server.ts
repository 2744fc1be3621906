/**
 * A TCP server of numbered records whose clients say where they go on: `position <bytes>\n`. It is what a chaos run reads
 * from, and its word against the job's.
 *
 *   k3 0000000017\n      record 17, of key k3 (its number modulo the keys); every record has the same length
 *
 * I1  The bytes at a position are always the same.
 * I2  A record is served when its last byte was written to some connection; `hold` serves no more than has begun.
 */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Clock, Timer } from '../../env/env.ts';
import { realEnv } from '../../env/real.ts';

export interface NumberedOptions {
  /** Records a second, counted from the first connection; a client that was away catches up. @default 20_000 */
  readonly rate?: number;
  /** Keys `k0`, `k1`, …; at most 100. @default 16 */
  readonly keys?: number;
  /** No more records than this. @default no end */
  readonly limit?: number;
  /** Spaces between key and number, for longer records. @default 1, or 2 */
  readonly pad?: number;
  /** Begins every record, to tell servers apart. @default '' */
  readonly name?: string;
}

const TICK_MS = 10;
const DIGITS = 10;
/** Bytes handed to a socket at once. */
const SLICE_RECORDS = 4096;

interface Client {
  readonly socket: Socket;
  hello: string;
  position: number | undefined;
}

export class NumberedServer {
  readonly name: string;
  readonly #rate: number;
  readonly #keys: number;
  readonly #pad: number;
  readonly #clock: Clock = realEnv().clock;
  readonly #clients = new Set<Client>();
  readonly #recordBytes: number;
  #limit: number;
  #port = 0;
  #server: Server | undefined;
  #startedMs: number | undefined;
  #timer: Timer | undefined;
  #away: Timer | undefined;
  #servedBytes = 0;
  #connections = 0;

  constructor({
    rate = 20_000,
    keys = 16,
    limit = Infinity,
    pad = 1,
    name = '',
  }: NumberedOptions = {}) {
    this.name = name;
    this.#rate = rate;
    this.#keys = keys;
    this.#pad = pad;
    this.#limit = limit;
    this.#recordBytes = this.record(0).length + 1;
  }

  /** Whole records that were handed to a connection. */
  get served(): number {
    return Math.floor(this.#servedBytes / this.#recordBytes);
  }

  /** How long ago it should have given what comes next, in ms: it was kept from it. 0 before the first connection. */
  get behindMs(): number {
    if (this.#startedMs === undefined) return 0;
    const elapsedMs = this.#clock.monotonic() - this.#startedMs;
    return Math.max(0, elapsedMs - (this.served * 1000) / this.#rate);
  }

  get connections(): number {
    return this.#connections;
  }

  /** The text of a record, without its line end. */
  record(n: number): string {
    return `${this.name}${this.key(n).padEnd(2 + this.#pad)} ${String(n).padStart(DIGITS, '0')}`;
  }

  key(n: number): string {
    return `k${n % this.#keys}`;
  }

  /** How often each key is among the first records. */
  countsUpTo(records: number): Map<string, number> {
    const counts = new Map<string, number>();
    for (let n = 0; n < Math.min(this.#keys, records); n++)
      counts.set(this.key(n), Math.ceil((records - n) / this.#keys));
    return counts;
  }

  /** The number in a record of this server; undefined for what isn't one. */
  numberOf(text: string): number | undefined {
    const number = Number(text.slice(-DIGITS));
    return Number.isInteger(number) && this.record(number) === text ? number : undefined;
  }

  async listen(): Promise<number> {
    const server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
    return this.#port;
  }

  /** From now on there are no more records than were begun. Gives how many there are. */
  hold(): number {
    this.#limit = Math.min(this.#limit, Math.ceil(this.#servedBytes / this.#recordBytes));
    for (const client of this.#clients) this.#write(client);
    return this.#limit;
  }

  /** Cuts all connections, and refuses new ones for so long. */
  disconnect(forMs: number): void {
    this.#cut();
    if (forMs <= 0) return;
    this.#server?.close();
    this.#away?.cancel();
    this.#away = this.#clock.after(forMs, () => void this.listen());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#away?.cancel();
    this.#server?.close();
    this.#cut();
  }

  #cut(): void {
    for (const { socket } of this.#clients) socket.resetAndDestroy();
  }

  #accept(socket: Socket): void {
    this.#connections++;
    this.#startedMs ??= this.#clock.monotonic();
    const client: Client = { socket, hello: '', position: undefined };
    this.#clients.add(client);
    socket.on('error', () => {});
    socket.on('close', () => this.#clients.delete(client));
    socket.on('drain', () => this.#write(client));
    socket.on('data', (data) => this.#hear(client, data.toString('latin1')));
    if (this.#timer === undefined) this.#tick();
  }

  #hear(client: Client, text: string): void {
    if (client.position !== undefined) return;
    client.hello += text;
    const hello = /^position (\d+)\r?\n/.exec(client.hello);
    if (hello === null) return;
    client.position = Number(hello[1]);
    this.#write(client);
  }

  /** Up to what there is by now, or until the client's buffers are full. */
  #write(client: Client): void {
    const { socket } = client;
    const elapsedMs = this.#clock.monotonic() - (this.#startedMs ?? 0);
    const end =
      Math.min(this.#limit, Math.floor((elapsedMs * this.#rate) / 1000)) * this.#recordBytes;
    while (
      client.position !== undefined &&
      client.position < end &&
      socket.writable &&
      !socket.writableNeedDrain
    ) {
      const first = Math.floor(client.position / this.#recordBytes);
      const records = Math.min(SLICE_RECORDS, end / this.#recordBytes - first);
      let text = '';
      for (let n = first; n < first + records; n++) text += `${this.record(n)}\n`;
      socket.write(text.slice(client.position - first * this.#recordBytes), 'latin1');
      client.position = (first + records) * this.#recordBytes;
      this.#servedBytes = Math.max(this.#servedBytes, client.position);
    }
  }

  #tick(): void {
    for (const client of this.#clients) this.#write(client);
    this.#timer = this.#clock.after(TICK_MS, () => this.#tick());
  }
}
