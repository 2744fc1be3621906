/** A careful task: what its runner says of failures and of records that were passed over, and when it ends. */
import { describe, expect, it } from 'vitest';
import type { Barrier, Block } from '../../src/actors/block.ts';
import { InHand } from '../../src/actors/in-hand.ts';
import type { FromWorker, TaskStart } from '../../src/actors/messages.ts';
import { LocalQueue } from '../../src/actors/queue.ts';
import type { TaskBody } from '../../src/actors/task.ts';
import { TaskRunner } from '../../src/actors/task-runner.ts';
import { simEnv } from '../../src/env/sim.ts';
import { fromWire } from '../../src/errors.ts';

const hashOf = (record: unknown): string => new InHand().holdRow(record);
const rows = (...records: unknown[]): Block => ({ kind: 'rows', port: 0, rows: records });
const barrier = (number: number, point = true) => {
  const at: Barrier = { number, batch: point, point, last: false, time: 100 * number, zeroTime: 0 };
  return { kind: 'barrier', barrier: at, absent: [] } as const;
};

interface Task {
  readonly input: LocalQueue;
  readonly said: FromWorker[];
  /** Sizes of the blocks that the body got. */
  readonly sizes: number[];
  readonly run: () => Promise<void>;
}

function task(careful: TaskStart['careful'], body: Partial<TaskBody>): Task {
  const env = simEnv(1);
  const input = new LocalQueue();
  const said: FromWorker[] = [];
  const sizes: number[] = [];
  const { block, ...others } = body;
  const runner = new TaskRunner({
    env,
    task: 7,
    epoch: 3,
    inputs: [{ edge: 0, in: input }],
    outputs: [],
    createBody: () => ({
      block(given, from) {
        sizes.push(given.kind === 'rows' ? given.rows.length : -1);
        block?.(given, from);
      },
      barrier() {},
      handOver: () => undefined,
      restore() {},
      ...others,
    }),
    parts: [],
    batchStart: 0,
    skip: new Set(),
    ...(careful === undefined ? {} : { careful }),
    handOverPath: String,
    toCoordinator: (message) => said.push(message),
    report() {},
    wake() {},
  });
  const run = async (): Promise<void> => {
    for (let n = 0; n < 50; n++) {
      runner.step();
      await Promise.resolve();
    }
  };
  return { input, said, sizes, run };
}

const dies = (given: Block): void => {
  if (given.kind === 'rows' && given.rows.includes(13)) throw new Error('13 is not welcome');
};

describe('a failure', () => {
  it('names the record when the task is careful, and a block when it is not', async () => {
    const inHand = [];
    for (const careful of [{ until: 1, passOver: [] }, undefined]) {
      const { input, run, said } = task(careful, { block: dies });
      input.send(rows(12, 13, 14));
      await run();
      const [failed] = said;
      if (failed?.type !== 'failed') throw new Error('it did not fail');
      expect(fromWire(failed.error)).toMatchObject({ message: '13 is not welcome' });
      inHand.push(failed.inHand);
    }
    expect(inHand).toEqual([{ hash: hashOf(13), text: '13' }, 'block']);
  });

  it('at a barrier has nothing in hand', async () => {
    const { input, run, said } = task(
      { until: 1, passOver: [] },
      {
        barrier() {
          throw new Error('not now');
        },
      },
    );
    for (const frame of [rows(1), barrier(1)]) input.send(frame);
    await run();
    expect(said).toEqual([expect.not.objectContaining({ inHand: expect.anything() })]);
  });

  it('of a promise names the record that it was given for', async () => {
    let waiting: Promise<void> | undefined;
    const { input, run, said } = task(
      { until: 1, passOver: [] },
      {
        block(given) {
          if (given.kind !== 'rows') return;
          const isBad = given.rows.includes(13);
          waiting = isBad ? Promise.reject(new Error('13')) : Promise.resolve();
        },
        takeWaiting() {
          const taken = waiting;
          waiting = undefined;
          return taken;
        },
      },
    );
    input.send(rows(11, 12, 13, 14));
    await run();
    expect(said).toMatchObject([{ type: 'failed', inHand: { hash: hashOf(13), text: '13' } }]);
  });
});

describe('what is passed over', () => {
  it('is told with the recovery point behind it', async () => {
    const { input, run, said, sizes } = task({ until: 9, passOver: [hashOf(13)] }, { block: dies });
    for (const frame of [rows(12, 13, 14), barrier(1, false), barrier(2), barrier(3)]) {
      input.send(frame);
    }
    await run();
    expect(sizes).toEqual([1, 1]);
    const passed = said.map((message) => message.type === 'taken' && message.passed);
    expect(passed).toEqual([undefined, [hashOf(13)], undefined]);
  });
});

describe('a task is careful no more', () => {
  it('behind the barrier that it was told', async () => {
    const { input, run, sizes } = task({ until: 2, passOver: [] }, {});
    const part = rows(1, 2, 3);
    for (const frame of [part, barrier(1), part, barrier(2), part, barrier(3)]) input.send(frame);
    await run();
    expect(sizes).toEqual([1, 1, 1, 1, 1, 1, 3]);
  });
});
