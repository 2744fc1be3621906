/**
 * A receiver of your own: text datagrams over UDP, counted by their first word.
 *
 *     npx millrace run examples/udp-receiver.ts --args '{"port":5140}'
 *     echo 'sshd accepted' | nc -u -w0 localhost 5140
 *
 * `onStart` opens the socket and returns. A port that is taken makes it reject, and Millrace starts the receiver again,
 * a little later each time, until the port is free. UDP has no acknowledgement, so records are stored one by one and
 * unreliably; a protocol that has one says `await this.store(messages, { ack })` instead.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { job, Receiver } from 'millrace';

class UdpReceiver extends Receiver<string> {
  readonly #port: number;
  #socket: Socket | undefined;

  constructor(port: number) {
    super();
    this.#port = port;
  }

  async onStart(): Promise<void> {
    const socket = createSocket('udp4');
    this.#socket = socket;
    socket.on('message', (message) => {
      for (const line of message.toString().split('\n')) if (line !== '') this.store(line);
    });
    socket.bind(this.#port, '127.0.0.1');
    // Rejects if there is an error before.
    await once(socket, 'listening');
    socket.on('error', (error) => this.restart(error.message));
  }

  override onStop(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }
}

export default job('udp-receiver', { batchInterval: '1s' }, (ssc, args: { port: number }) => {
  ssc
    .receiverStream(new UdpReceiver(args.port))
    .map((line) => line.split(' ')[0] ?? '')
    .countByValue()
    .print();
});
