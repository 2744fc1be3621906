/**
 * What a job that is killed reads from, in the process that kills it: three servers and a directory of files. Each numbers
 * its records, and knows of each whether the job must have it.
 *
 *   PlainServer   a TCP server that forgets what it wrote. The kernel's buffers die with a connection, so what must be there
 *                 of one is a beginning of what was written to it (`connections`)
 *   AckServer     forgets what was acknowledged, and sends the rest again. Being asked for it again is a fault
 *   NumberedServer (src/testing/chaos) says it all again
 *   StoreServer   is written to: it takes rows and id in one transaction, and now and then refuses, or does it and says nothing
 *   FileFeeder    writes files, and never one twice
 */
import { renameSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { NumberedServer } from '../../../src/testing/chaos/numbered-server.ts';

const TICK_MS = 10;

/** Gives so many records a second from when it is first asked, and no more once it is held. */
class Due {
  readonly #perSecond: number;
  #fromMs: number | undefined;
  #limit = Infinity;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  get now(): number {
    this.#fromMs ??= performance.now();
    return Math.min(
      this.#limit,
      Math.floor(((performance.now() - this.#fromMs) * this.#perSecond) / 1000),
    );
  }

  hold(at: number): void {
    this.#limit = at;
  }
}

abstract class LineServer {
  /** Names and numbers the records; it doesn't listen. */
  readonly records: NumberedServer;
  protected readonly due: Due;
  readonly #server: Server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
  readonly #sockets = new Set<Socket>();
  readonly #timer: NodeJS.Timeout;

  constructor(name: string, perSecond: number) {
    this.records = new NumberedServer({ name });
    this.due = new Due(perSecond);
    this.#timer = setInterval(() => this.tick(), TICK_MS);
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  /** Begins no more records. Gives how many there are. */
  abstract hold(): number;

  stop(): void {
    clearInterval(this.#timer);
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  protected abstract connected(socket: Socket): void;
  protected abstract tick(): void;

  protected text(from: number, to: number): string {
    let text = '';
    for (let n = from; n < to; n++) text += `${this.records.record(n)}\n`;
    return text;
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
    this.connected(socket);
  }
}

export interface Connection {
  readonly from: number;
  /** Behind the last record that was written to it. */
  to: number;
}

export class PlainServer extends LineServer {
  readonly connections: Connection[] = [];
  #open: { readonly socket: Socket; readonly connection: Connection } | undefined;
  #next = 0;

  hold(): number {
    this.due.hold(this.#next);
    return this.#next;
  }

  protected connected(socket: Socket): void {
    // Whoever connects anew has let go of the connection before.
    const connection = { from: this.#next, to: this.#next };
    this.connections.push(connection);
    this.#open = { socket, connection };
    socket.resume();
    socket.on('close', () => {
      if (this.#open?.socket === socket) this.#open = undefined;
    });
  }

  protected tick(): void {
    const open = this.#open;
    if (open === undefined || open.socket.writableNeedDrain) return;
    const to = Math.min(this.due.now, this.#next + 1000);
    if (to <= this.#next) return;
    open.socket.write(this.text(this.#next, to), 'latin1');
    this.#next = open.connection.to = to;
  }
}

export class AckServer extends LineServer {
  /** Behind what was acknowledged. */
  acked = 0;
  readonly faults: string[] = [];
  #open: { readonly socket: Socket; next: number } | undefined;
  #served = 0;

  hold(): number {
    this.due.hold(this.#served);
    return this.#served;
  }

  protected connected(socket: Socket): void {
    let heard = '';
    socket.setEncoding('latin1').on('data', (text) => {
      const lines = (heard + String(text)).split('\n');
      heard = lines.pop()!;
      for (const line of lines) this.#hear(socket, line);
    });
    socket.on('close', () => {
      if (this.#open?.socket === socket) this.#open = undefined;
    });
  }

  #hear(socket: Socket, line: string): void {
    const [word, number] = line.split(' ');
    const at = Number(number);
    if (word === 'from') {
      if (at < this.acked)
        this.faults.push(`asked for records from ${at}, and had acknowledged ${this.acked}`);
      if (at > this.#served) this.faults.push(`asked for ${at}, and was sent ${this.#served}`);
      this.#open = { socket, next: at };
    } else this.acked = Math.max(this.acked, at);
  }

  protected tick(): void {
    const open = this.#open;
    if (open === undefined || open.socket.writableNeedDrain) return;
    const to = Math.min(this.due.now, open.next + 500);
    if (to <= open.next) return;
    open.socket.write(this.text(open.next, to), 'latin1');
    open.next = to;
    this.#served = Math.max(this.#served, to);
  }
}

interface Question {
  readonly key: string;
  readonly id?: number;
  readonly rows?: readonly unknown[];
}

/** A store of rows with the id of the newest transaction for each key. It outlives whoever writes to it. */
export class StoreServer {
  readonly rows: unknown[] = [];
  readonly faults: string[] = [];
  readonly #held = new Map<string, { readonly id: number; readonly text: string }>();
  readonly #server: Server = createServer((socket) => this.#accept(socket));
  #commits = 0;

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  stop(): void {
    this.#server.close();
  }

  #accept(socket: Socket): void {
    let text = '';
    socket.on('error', () => {});
    socket.setEncoding('utf8').on('data', (data) => {
      text += String(data);
      if (!text.endsWith('\n')) return;
      const answer = this.#answer(JSON.parse(text) as Question);
      if (answer === undefined) socket.destroy();
      else socket.end(`${JSON.stringify(answer)}\n`);
    });
  }

  #answer({ key, id, rows }: Question): object | undefined {
    const held = this.#held.get(key);
    if (id === undefined || rows === undefined) return { id: held?.id };
    const n = ++this.#commits;
    if (n % 11 === 0) return { error: 'the store is busy' };
    const text = JSON.stringify(rows);
    if (held?.id === id && held.text !== text)
      this.faults.push(`store: ${id} had ${held.text}, and later ${text}`);
    if (held === undefined || id > held.id) {
      this.#held.set(key, { id, text });
      for (const row of rows) this.rows.push(row);
    }
    // Committed, and nobody is told.
    return n % 7 === 0 ? undefined : { id };
  }
}

export class FileFeeder {
  readonly records: NumberedServer = new NumberedServer({ name: 'f:' });
  readonly #directory: string;
  readonly #perFile: number;
  readonly #timer: NodeJS.Timeout;
  #files = 0;

  /** @param everyMs how often there is another file */
  constructor(directory: string, perFile: number, everyMs: number) {
    this.#directory = directory;
    this.#perFile = perFile;
    this.#timer = setInterval(() => this.#write(), everyMs);
  }

  hold(): number {
    clearInterval(this.#timer);
    return this.#files * this.#perFile;
  }

  #write(): void {
    const from = this.#files * this.#perFile;
    let text = '';
    for (let n = from; n < from + this.#perFile; n++) text += `${this.records.record(n)}\n`;
    const name = `${String(this.#files).padStart(6, '0')}.txt`;
    writeFileSync(join(this.#directory, `.${name}`), text);
    renameSync(join(this.#directory, `.${name}`), join(this.#directory, name));
    this.#files++;
  }
}
