/**
 * The receiver behind `socketStream`: bytes from a TCP server, which the user's decoder makes records of. Connected again
 * for ever, by its supervisor (`receiver-source.ts`). Runs on the thread of the sources.
 *
 * I1  Nothing more is read while the stream is behind, so TCP slows the server down.
 */
import { connect, type Socket } from 'node:net';
import { Receiver } from '../dstream/receiver.ts';

export interface SocketReceiverOptions {
  readonly host: string;
  readonly port: number;
  readonly decode: (bytes: AsyncIterable<Uint8Array>) => AsyncIterable<unknown>;
  /** An attempt to connect is given up after this time, in ms. @default 10_000 */
  readonly connectTimeoutMs?: number;
}

export class SocketReceiver extends Receiver {
  readonly #options: SocketReceiverOptions;
  #socket: Socket | undefined;

  constructor(options: SocketReceiverOptions) {
    super();
    this.#options = options;
  }

  async onStart(): Promise<void> {
    const { host, port, decode, connectTimeoutMs = 10_000 } = this.#options;
    const socket = connect({
      host,
      port,
      noDelay: true,
      // A server whose machine is gone is found out within minutes, though nothing is ever sent to it.
      keepAlive: true,
      keepAliveInitialDelay: 30_000,
      timeout: connectTimeoutMs,
    });
    this.#socket = socket;
    socket.once('connect', () => socket.setTimeout(0));
    socket.once('timeout', () =>
      socket.destroy(new Error(`no answer from ${host}:${port} for ${connectTimeoutMs} ms`)),
    );
    try {
      for await (const record of decode(socket)) {
        if (this.#socket !== socket) return;
        if (!this.store(record)) await this.ready();
      }
    } finally {
      socket.destroy();
    }
    if (this.#socket === socket) this.restart(`${host}:${port} has ended the connection`);
  }

  override onStop(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.destroy();
  }
}
