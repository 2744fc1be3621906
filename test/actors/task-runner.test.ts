import { describe, expect, test } from 'vitest';
import type { Block, Frame } from '../../src/actors/block.ts';
import type { FromWorker } from '../../src/actors/messages.ts';
import { LocalQueue } from '../../src/actors/queue.ts';
import type { TaskBody } from '../../src/actors/task.ts';
import { TaskRunner } from '../../src/actors/task-runner.ts';
import { simEnv } from '../../src/env/sim.ts';

/** Passes on what it gets. */
function passing(emit: (block: Block) => void): TaskBody {
  return { block: emit, barrier() {}, handOver: () => undefined, restore() {} };
}

describe('a task', () => {
  test('fails for what its edge can not carry, also when that had to wait for room', () => {
    const input = new LocalQueue();
    const said: FromWorker[] = [];
    let hasRoom = false;
    const runner = new TaskRunner({
      env: simEnv(1),
      task: 3,
      epoch: 1,
      inputs: [{ edge: 0, in: input }],
      outputs: [
        {
          send: (frame: Frame) => {
            if (!hasRoom) return false;
            throw new Error(`no form for ${frame.kind}`);
          },
        },
      ],
      createBody: (out) => passing((block) => out.emit(0, block)),
      parts: [],
      batchStart: 0,
      skip: new Set(),
      handOverPath: (barrier) => `/${barrier}`,
      toCoordinator: (message) => said.push(message),
      report() {},
      wake() {},
    });
    input.send({ kind: 'rows', port: 0, rows: [() => 1] });
    runner.step();
    expect(runner.step()).toBe('blocked');
    expect(said).toEqual([]);
    hasRoom = true;
    expect(() => runner.step()).not.toThrow();
    expect(said).toMatchObject([
      { type: 'failed', epoch: 1, task: 3, error: { message: 'no form for rows' } },
    ]);
    expect(runner.step()).toBe('done');
  });
});
