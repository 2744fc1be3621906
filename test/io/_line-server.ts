/** A TCP server on a free port that does with each connection what the test says. */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export interface LineServer {
  readonly port: number;
  readonly sockets: Socket[];
  stop(): Promise<void>;
}

export function serve(
  onConnection: (socket: Socket, nth: number) => void,
  port = 0,
): Promise<LineServer> {
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.resume();
    onConnection(socket, sockets.length);
  });
  return new Promise((resolve) => {
    server.listen(port, '127.0.0.1', () => {
      resolve({
        port: (server.address() as AddressInfo).port,
        sockets,
        stop: () =>
          new Promise((stopped) => {
            server.close(() => stopped());
            for (const socket of sockets) socket.destroy();
          }),
      });
    });
  });
}

/** A port at which nobody listens. */
export async function freePort(): Promise<number> {
  const server = await serve(() => {});
  await server.stop();
  return server.port;
}

/** Writes the pieces one after another, each in a packet of its own. */
export async function writePieces(
  socket: Socket,
  pieces: readonly (string | Uint8Array)[],
): Promise<void> {
  socket.setNoDelay(true);
  for (const piece of pieces) {
    await new Promise<void>((resolve) => socket.write(piece, () => setImmediate(resolve)));
  }
}
