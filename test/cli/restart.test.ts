/** `millrace run` on a checkpoint directory: killed for real, started again, by hand and by its parent. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Command, endAll, jobFile, millrace } from './command.ts';

/** Lines that anyone may have from any place on, and that come as they are added. */
class Lines {
  readonly #lines: string[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #server: Server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (data) => {
      const from = Number(/from (\d+)/.exec(data.toString())![1]);
      this.#sockets.add(socket);
      for (const line of this.#lines.slice(from)) socket.write(`${line}\n`);
    });
    socket.on('close', () => this.#sockets.delete(socket));
  });

  add(...lines: readonly string[]): void {
    for (const line of lines) {
      this.#lines.push(line);
      for (const socket of this.#sockets) socket.write(`${line}\n`);
    }
  }

  listen(): Promise<number> {
    return new Promise((resolve) => {
      this.#server.listen(0, '127.0.0.1', () =>
        resolve((this.#server.address() as { port: number }).port),
      );
    });
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}

let directory: string;
let lines: Lines;
let port: number;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-cli-'));
  lines = new Lines();
  port = await lines.listen();
});

afterEach(async () => {
  await endAll();
  lines.close();
  rmSync(directory, { recursive: true, force: true });
});

function totals(flags: readonly string[] = [], args: object = {}): Command {
  return millrace([
    'run',
    jobFile('totals.mjs'),
    '-t',
    '1',
    '-c',
    join(directory, 'job'),
    '--args',
    JSON.stringify({ port, died: join(directory, 'died'), ...args }),
    ...flags,
  ]);
}

const count = (n: number): RegExp => new RegExp(`\\(lines,${n}\\)`);

/** Waits for a checkpoint that has all that was counted so far. */
async function checkpointed(): Promise<void> {
  const id = (): number =>
    Math.max(
      0,
      ...readdirSync(join(directory, 'job')).map((name) =>
        Number(/^manifest-(\d+)/.exec(name)?.[1] ?? 0),
      ),
    );
  const before = id();
  const deadline = performance.now() + 20_000;
  // Any two that follow have it.
  let seen = new Set([before]);
  while (seen.size < 3) {
    if (performance.now() > deadline) throw new Error('no checkpoint came');
    await new Promise((resolve) => setTimeout(resolve, 20));
    seen = seen.add(id());
  }
}

describe('a job with --checkpoint-dir', () => {
  it('goes on with its counts when it is killed (-9), and says from where', async () => {
    const first = totals();
    lines.add('a', 'b', 'c');
    await first.said(count(3));
    await checkpointed();
    first.signal('SIGKILL');
    await first.ended;
    lines.add('d');
    const second = totals();
    await second.said(/goes on from checkpoint \d+ of \d\d:\d\d:\d\d\S*, .* again \(run 2\)/);
    await second.said(count(4));
    second.signal('SIGTERM');
    expect((await second.ended).code).toBe(0);
  });

  it('has nothing to run again when it was stopped by SIGTERM', async () => {
    const first = totals();
    lines.add('a', 'b');
    await first.said(/connected/);
    lines.add('c');
    first.signal('SIGTERM');
    const { code, stdout } = await first.ended;
    expect(code).toBe(0);
    const counted = Number([...stdout.matchAll(/\(lines,(\d+)\)/g)].at(-1)?.[1] ?? 0);
    lines.add('d');
    const second = totals();
    await second.said(/goes on from checkpoint \d+ .*, no batch again/);
    await second.said(count(4));
    expect(counted).toBeLessThanOrEqual(3);
    second.signal('SIGTERM');
    await second.ended;
  });

  it('is refused while another has the directory, even a stopped one: exit code 2', async () => {
    const first = totals();
    await first.said(/connected/);
    first.signal('SIGSTOP');
    const second = await totals().ended;
    expect(second.code).toBe(2);
    expect(second.stderr).toContain('ERR_MILLRACE_DIR_IN_USE');
    expect(second.stderr).toContain(`process ${first.child.pid}`);
    first.signal('SIGCONT');
    first.signal('SIGTERM');
    expect((await first.ended).code).toBe(0);
  });
});

describe('a job under --restart', () => {
  it('is started again when its process dies, and its counts go on', async () => {
    const command = totals(['--restart']);
    lines.add('a', 'b');
    await command.said(count(2));
    lines.add('die', 'c');
    await command.said(
      /died of SIGKILL: it is started again in \d+ ms \(restart 1 of 3 within 30 s\)/,
    );
    await command.said(count(4));
    command.signal('SIGTERM');
    const { code, stdout } = await command.ended;
    expect(code).toBe(0);
    expect(stdout).not.toMatch(count(5));
  });

  it('is given up when it dies too often, with the code of its end', async () => {
    const command = totals(['--restart', '--max-restarts', '1'], { again: true });
    lines.add('die');
    const { code, stderr } = await command.ended;
    expect(code).toBe(128 + 9);
    expect(stderr).toContain('more than 1 times within 30 s: it is not started again');
  });

  it('drains when its parent is killed', async () => {
    const command = totals(['--restart']);
    lines.add('a');
    await command.said(count(1));
    command.signal('SIGKILL');
    const { stderr } = await command.ended;
    expect(stderr).toContain('the parent process is gone: draining');
    const next = totals();
    await next.said(/no batch again/);
    next.signal('SIGTERM');
    expect((await next.ended).code).toBe(0);
  });

  it('is not started again for what would fail each time: exit code 2', async () => {
    const { code, stderr } = await totals(['--restart', '--args', '{'], {}).ended;
    expect([code, stderr.includes('started again')]).toEqual([2, false]);
  });
});
