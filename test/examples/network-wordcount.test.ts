/** examples/network-wordcount.ts, as its head says: a server of lines, and the command. */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { endAll, millrace } from '../cli/command.ts';

const servers: Server[] = [];

afterEach(async () => {
  await endAll();
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
});

it('prints the words of each batch as Spark does', async () => {
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
  const args = JSON.stringify({ host: '127.0.0.1', port });
  const command = millrace(['run', 'examples/network-wordcount.ts', '-t', '2', '--args', args]);
  (await socket).write('to be or not to be\nthat is the question\n');

  await command.said(/\(be,2\)/);
  command.signal('SIGINT');
  const { code, stdout, stderr } = await command.ended;
  expect(code, stderr).toBe(0);

  // Which of the two threads a word is counted on is nobody's business: lines are compared as sets.
  const full = stdout
    .split(/(?=-{43}\nTime: \d+ ms\n-{43}\n)/)
    .filter((batch) => batch.includes('(be,2)'));
  expect(full).toHaveLength(1);
  const lines = full[0]!.split('\n');
  expect(lines.slice(0, 3)).toEqual([
    '-'.repeat(43),
    expect.stringMatching(/^Time: \d+000 ms$/),
    '-'.repeat(43),
  ]);
  expect(lines.slice(3, -2).sort()).toEqual([
    '(be,2)',
    '(is,1)',
    '(not,1)',
    '(or,1)',
    '(question,1)',
    '(that,1)',
    '(the,1)',
    '(to,2)',
  ]);
  expect(lines.slice(-2)).toEqual(['', '']);
});
