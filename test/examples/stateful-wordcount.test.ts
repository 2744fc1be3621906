/** examples/stateful-wordcount.ts, as its head says: a server of lines, and the command. */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { endAll, millrace } from '../cli/command.ts';

const servers: Server[] = [];

afterEach(async () => {
  await endAll();
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
});

it('prints totals from the beginning on, and words that stopped coming', async () => {
  let connected!: (socket: Socket) => void;
  const connection = new Promise<Socket>((resolve) => {
    connected = resolve;
  });
  const server = createServer((socket) => {
    socket.on('error', () => {});
    connected(socket);
  });
  servers.push(server);
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
  const args = JSON.stringify({ host: '127.0.0.1', port, idle: '1s' });
  const command = millrace(['run', 'examples/stateful-wordcount.ts', '-t', '2', '--args', args]);
  const socket = await connection;

  socket.write('to be or not to be\n');
  await command.said(/\(be,2\)/);
  socket.write('be\n');
  await command.said(/\(be,3\)/);
  await command.said(/be stopped after 3/);
  command.signal('SIGINT');
  const { code, stdout, stderr } = await command.ended;
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(/^to stopped after 2$/m);
});
