import { describe, expect, test } from 'vitest';
import type { TaskBody, TaskEvent } from '../../../src/actors/task.ts';
import type { ContextBuilder } from '../../../src/dstream/context-builder.ts';
import { createBody } from '../../../src/dstream/run/create-body.ts';
import type { MillraceError } from '../../../src/errors.ts';
import { drive, planOf } from './drive.ts';

const two = [[['a', 'b']], [['c']]];

describe('outputs', () => {
  test('run one after another in order of registration, each awaited', async () => {
    const log: string[] = [];
    const planned = planOf((ssc) => {
      const letters = ssc.inputStream<string>('in');
      letters.foreachBatch(async (batch, time) => {
        log.push(`first ${time}`);
        await Promise.resolve();
        log.push(`${await batch.collect()}`);
      });
      letters
        .map((s) => s + s)
        .foreachBatch((batch) => {
          log.push(`second ${batch.toArray()}`);
        });
    });
    const { batches } = await drive(planned, [[two, two]]);
    expect(batches.map(({ error }) => error)).toEqual([undefined, undefined]);
    expect(log).toEqual([
      'first 1000',
      'a,b,c',
      'second aa,bb,cc',
      'first 2000',
      'a,b,c',
      'second aa,bb,cc',
    ]);
  });

  test('print as Spark does, empty batches too, and not without a batch', async () => {
    const planned = planOf((ssc) =>
      ssc
        .inputStream<string>('in')
        .map((s) => [s, 1] as const)
        .print(2),
    );
    const rule = '-'.repeat(43);
    const { printed } = await drive(planned, [[two, [[], []], undefined]]);
    expect(printed).toEqual([
      `${rule}\nTime: 1000 ms\n${rule}\n(a,1)\n(b,1)\n...\n\n`,
      `${rule}\nTime: 2000 ms\n${rule}\n\n`,
    ]);
  });

  test('of a stream that has no batch do not run, others do', async () => {
    const planned = planOf((ssc) => {
      ssc.inputStream<string>('a').collectAs('a');
      ssc.inputStream<string>('b').collectAs('b');
    });
    const { batches } = await drive(planned, [[undefined], [two]]);
    expect(batches).toEqual([{ time: 1000, results: { b: [['a', 'b'], ['c']] } }]);
  });

  test('that throw or reject are named with the batch', async () => {
    for (const bad of [
      () => Promise.reject(new Error('gone')),
      (): never => {
        throw new Error('gone');
      },
    ]) {
      const planned = planOf((ssc) => ssc.inputStream<string>('in').foreachBatch(bad));
      const error = (await drive(planned, [[two]])).batches[0]!.error as MillraceError;
      expect(error.code).toBe('ERR_MILLRACE_USER_FUNCTION');
      expect(error.message).toMatch(
        /^foreachBatch \(foreachBatch#1\) at .*outputs\.test\.ts:\d+:\d+: its function threw: gone$/,
      );
      expect(error.context).toMatchObject({ batchId: 1000 });
    }
  });

  test('I3: a batch larger than maxGatherBytes fails and names the output', async () => {
    const planned = planOf((ssc) => ssc.inputStream<string>('in').collectAs('big'));
    const error = (
      await drive(planned, [[[[['x'.repeat(500), 'y'.repeat(600)]]]]], { maxGatherBytes: 1000 })
    ).batches[0]!.error as MillraceError;
    expect(error.code).toBe('ERR_MILLRACE_BATCH_TOO_LARGE');
    expect(error.message).toContain('collectAs (collectAs#1) at ');
  });
});

describe('the body of the outputs', () => {
  const bodyOf = (
    build: (ssc: ContextBuilder) => void,
  ): { body: () => TaskBody; events: TaskEvent[] } => {
    const planned = planOf(build, { partitions: 1 });
    const events: TaskEvent[] = [];
    const out = {
      emit: () => {},
      absent: () => {},
      mark: () => {},
      // When outputs began and ended is of no matter here.
      report: (event: TaskEvent) => {
        if (event.type === 'collected') events.push(event);
      },
    };
    return { body: () => createBody(planned, planned.tasks.length - 1, out), events };
  };
  const barrier = { number: 1, batch: false, point: true, last: false, time: 1000, zeroTime: 0 };
  const rows = (...all: unknown[]) => ({ kind: 'rows', port: 0, rows: all }) as const;

  test('I4: hands over what is new, and a successor goes on from all parts', async () => {
    const { body, events } = bodyOf((ssc) => ssc.inputStream('in').collectAs('out'));
    const first = body();
    expect(first.handOver(barrier)).toBeUndefined();
    first.block(rows(1, 2), 0);
    const one = first.handOver(barrier)!;
    first.block(rows(3), 0);
    const two = first.handOver(barrier)!;
    expect([one.mode, two.mode, first.handOver(barrier)!.mode]).toEqual([
      'append',
      'append',
      'keep',
    ]);
    first.block(rows('lost'), 0);

    const second = body();
    second.restore([one.bytes, two.bytes]);
    expect(second.handOver(barrier)!.mode).toBe('keep');
    second.block(rows(4), 0);
    await second.barrier({ ...barrier, number: 2, batch: true }, [[]]);
    expect(events).toEqual([
      {
        type: 'collected',
        output: 1,
        name: 'out',
        barrier: 2,
        time: 1000,
        partitions: [[1, 2, 3, 4]],
      },
    ]);
    expect(second.handOver({ ...barrier, number: 2, batch: true })).toBeUndefined();
  });

  test('drops a batch that was given up', async () => {
    const { body, events } = bodyOf((ssc) => ssc.inputStream('in').collectAs('out'));
    const it = body();
    it.block(rows(1), 0);
    it.discard!();
    it.block(rows(2), 0);
    await it.barrier({ ...barrier, number: 2, batch: true, time: 2000 }, [[]]);
    expect(events).toMatchObject([{ time: 2000, partitions: [[2]] }]);
  });
});
