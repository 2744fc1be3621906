/** examples/udp-receiver.ts: its port is taken at first, and datagrams come once it is free. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, expect, it } from 'vitest';
import { endAll, millrace } from '../cli/command.ts';

const sockets: Socket[] = [];

afterEach(async () => {
  await endAll();
  for (const socket of sockets.splice(0)) socket.close();
});

it('counts datagrams by their first word, and waits for its port', async () => {
  const taken = createSocket('udp4');
  taken.bind(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address();
  const command = millrace([
    'run',
    'examples/udp-receiver.ts',
    '-t',
    '1',
    '--args',
    `{"port":${port}}`,
  ]);
  await command.said(/EADDRINUSE/);
  taken.close();
  const client = createSocket('udp4');
  sockets.push(client);
  // Nobody knows when it listens: what is sent before is gone.
  const sending = setInterval(
    () => client.send('sshd accepted\ncron ran\n', port, '127.0.0.1'),
    20,
  );
  await command.said(/\(sshd,\d+\)/);
  clearInterval(sending);
  command.signal('SIGINT');
  const { code, stdout, stderr } = await command.ended;
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(/\(cron,\d+\)/);
});
