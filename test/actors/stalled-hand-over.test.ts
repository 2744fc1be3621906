/** A disk that refuses a hand-over stalls the task, which loses nothing by it and is not asked for it twice. */
import { expect, test } from 'vitest';
import type { Barrier, Block, Frame } from '../../src/actors/block.ts';
import { unsealed } from '../../src/actors/hand-over-file.ts';
import type { FromWorker } from '../../src/actors/messages.ts';
import { LocalQueue } from '../../src/actors/queue.ts';
import type { TaskEvent } from '../../src/actors/task.ts';
import { TaskRunner } from '../../src/actors/task-runner.ts';
import { simEnv } from '../../src/env/sim.ts';

const refusal = (code: string): Error => Object.assign(new Error(code), { code });

class Stage {
  readonly env = simEnv(1);
  readonly input: LocalQueue = new LocalQueue();
  readonly sent: Frame[] = [];
  readonly said: FromWorker[] = [];
  readonly told: TaskEvent[] = [];
  handOvers = 0;
  readonly runner: TaskRunner;
  readonly #rows: unknown[] = [];

  constructor() {
    this.env.disk.makeDirectory('/state');
    this.runner = new TaskRunner({
      env: this.env,
      task: 3,
      epoch: 1,
      inputs: [{ edge: 0, in: this.input }],
      outputs: [{ send: (frame: Frame) => this.sent.push(frame) > 0 }],
      createBody: () => ({
        block: (block: Block) => void this.#rows.push(...(block.kind === 'rows' ? block.rows : [])),
        barrier() {},
        handOver: () => {
          this.handOvers++;
          return { mode: 'replace', bytes: Buffer.from(JSON.stringify(this.#rows)) };
        },
        restore() {},
      }),
      parts: [],
      batchStart: 0,
      skip: new Set(),
      handOverPath: (barrier) => `/state/${barrier}`,
      toCoordinator: (message) => this.said.push(message),
      report: (event) => void this.told.push(event),
      wake() {},
    });
  }

  batch(number: number): void {
    const barrier: Barrier = {
      number,
      time: number * 100,
      batch: true,
      point: true,
      last: false,
      zeroTime: 0,
    };
    this.input.send({ kind: 'rows', port: 0, rows: [number] });
    this.input.send({ kind: 'barrier', barrier, absent: [] });
  }

  /** Goes on for so long, waking when it is due. */
  run(ms: number): void {
    const end = this.env.clock.monotonic() + ms;
    for (;;) {
      while (this.runner.step() === 'progress');
      const due = this.runner.dueMs();
      if (due > end) break;
      this.env.clock.advance(due - this.env.clock.monotonic());
    }
    this.env.clock.advance(end - this.env.clock.monotonic());
  }

  refuse(code: string | undefined): void {
    this.env.disk.fault = (operation) =>
      code !== undefined && operation === 'write' ? refusal(code) : undefined;
  }
}

test.each(['ENOSPC', 'EIO', 'EDQUOT'])('until it takes it (%s)', (code) => {
  const stage = new Stage();
  stage.refuse(code);
  stage.batch(1);
  stage.batch(2);
  stage.run(3000);
  expect([stage.said, stage.sent]).toEqual([[], []]);
  expect(stage.told).toMatchObject([{ type: 'degraded', what: 'state', error: { message: code } }]);
  // It waits longer each time, at most two seconds.
  const before = stage.env.clock.monotonic();
  expect(stage.runner.dueMs() - before).toBeLessThanOrEqual(2000);
  stage.refuse(undefined);
  stage.run(2000);
  expect(stage.said.map((message) => message.type)).toEqual(['taken', 'taken']);
  expect(stage.handOvers).toBe(2);
  expect(stage.told.map(({ type }) => type)).toEqual(['degraded', 'recovered']);
  const read = (path: string): unknown =>
    JSON.parse(Buffer.from(unsealed(stage.env.disk.read(path), path)).toString());
  expect([read('/state/1'), read('/state/2')]).toEqual([[1], [1, 2]]);
  expect(stage.runner.dueMs()).toBe(Infinity);
});

test('what does not pass by itself fails it', () => {
  const stage = new Stage();
  stage.refuse('ENOENT');
  stage.batch(1);
  stage.run(10);
  expect(stage.said).toMatchObject([{ type: 'failed', error: { message: 'ENOENT' } }]);
});
