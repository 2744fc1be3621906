import { describe, expect, it } from 'vitest';
import { splitRows } from '../../src/io/partitions.ts';
import { BatchListSource, QueueSource } from '../../src/io/queue-stream.ts';
import { testContext } from './_context.ts';

describe('splitRows', () => {
  it('puts record i of n into partition p where floor(p·n/P) <= i < floor((p+1)·n/P)', () => {
    expect(splitRows([1, 2, 3, 4, 5, 6, 7], 3)).toEqual([
      [1, 2],
      [3, 4],
      [5, 6, 7],
    ]);
    expect(splitRows([1], 3)).toEqual([[], [], [1]]);
    expect(splitRows([], 2)).toEqual([[], []]);
  });
});

describe('QueueSource', () => {
  it('gives one element a batch, then empty batches, and sees what is added later', () => {
    const queue: unknown[][] = [['a', 'b'], ['c']];
    const source = new QueueSource(queue);
    source.open(testContext({ partitions: 2 }).context);
    expect(source.pull().partitions).toEqual([['a'], ['b']]);
    expect(source.pull().partitions).toEqual([[], ['c']]);
    expect(source.pull().partitions).toEqual([[], []]);
    queue.push(['d', 'e']);
    expect(source.pull().partitions).toEqual([['d'], ['e']]);
    expect(queue).toHaveLength(3);
  });

  it('gives all elements at once when asked to, and the default when there are none', () => {
    const source = new QueueSource([[1], [2, 3]], { oneAtATime: false, default: ['none'] });
    source.open(testContext({ partitions: 1 }).context);
    expect(source.pull().partitions).toEqual([[1, 2, 3]]);
    expect(source.pull().partitions).toEqual([['none']]);
  });

  it('goes on where a dead thread left it: the open batch once more, then the next', () => {
    const queue = [[1], [2], [3, 4]];
    let noted: unknown;
    const note = {
      read: () => structuredClone(noted),
      write: (value: unknown) => void (noted = value),
    };
    const context = { ...testContext({ partitions: 1 }).context, note };
    const source = new QueueSource(queue);
    source.open(context);
    expect(source.pull(1000).partitions).toEqual([[1]]);
    expect(source.pull(2000).partitions).toEqual([[2]]);
    const successor = new QueueSource(queue);
    successor.open(context);
    expect(successor.pull(2000).partitions).toEqual([[2]]);
    expect(successor.pull(3000).partitions).toEqual([[3, 4]]);
    expect(successor.pull(4000).partitions).toEqual([[]]);
    const last = new QueueSource(queue);
    last.open(context);
    expect(last.pull(5000).partitions).toEqual([[]]);
  });

  it('has a missing batch for null, and passes over it among others', () => {
    const one = new QueueSource([null, [1]]);
    one.open(testContext({ partitions: 1 }).context);
    expect(one.pull().partitions).toBeUndefined();
    expect(one.pull().partitions).toEqual([[1]]);
    const all = new QueueSource([[1], null, [2]], { oneAtATime: false });
    all.open(testContext({ partitions: 1 }).context);
    expect(all.pull().partitions).toEqual([[1, 2]]);
  });

  it('fails by name when an element is no array', () => {
    const source = new QueueSource([[1], 'text'] as never);
    const { context, failures } = testContext({ partitions: 1, name: 'queueStream at job.ts:3:5' });
    source.open(context);
    source.pull();
    expect(source.pull().partitions).toBeUndefined();
    expect(failures).toMatchObject([
      {
        code: 'ERR_MILLRACE_BAD_OPTION',
        message: expect.stringContaining('job.ts:3:5: element 1'),
      },
    ]);
  });
});

describe('BatchListSource', () => {
  it('has a missing batch for null, and empty ones past the end', () => {
    const source = new BatchListSource([['a'], null, []], 500);
    source.open(testContext({ partitions: 1 }).context);
    expect(source.pull(500)).toEqual({ partitions: [['a']], ended: false });
    expect(source.pull(1000)).toEqual({ partitions: undefined, ended: false });
    expect(source.pull(1500)).toEqual({ partitions: [[]], ended: true });
    expect(source.pull(2000)).toEqual({ partitions: [[]], ended: true });
    expect(source.pull(500).partitions, 'asked again').toEqual([['a']]);
  });
});
