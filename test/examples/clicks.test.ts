/** examples/clicks.ts, as its head says: a server of lines, and the command. */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { endAll, millrace } from '../cli/command.ts';

const servers: Server[] = [];

afterEach(async () => {
  await endAll();
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
});

it('counts pages as clicks come, and ends a visit after its pause', async () => {
  const connected: ((socket: Socket) => void)[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => {});
    connected.shift()?.(socket);
  });
  servers.push(server);
  const socket = new Promise<Socket>((resolve) => connected.push(resolve));
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
  const args = JSON.stringify({ host: '127.0.0.1', port, pauseMs: 200 });
  const command = millrace(['run', 'examples/clicks.ts', '-t', '2', '--args', args]);
  (await socket).write('ann /home\nbob /home\nwhat?\nann /cart\n');

  await command.said(/ann saw/);
  await command.said(/bob saw/);
  command.signal('SIGINT');
  const { code, stdout, stderr } = await command.ended;
  expect(code, stderr).toBe(0);
  expect(stdout.trimEnd().split('\n').toSorted()).toEqual([
    '/cart has 1',
    '/home has 1',
    '/home has 2',
    'ann saw /home /cart',
    'bob saw /home',
    'not a click: what?',
  ]);
});
