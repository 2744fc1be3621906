/** Rings of dead epochs are used again, and none that a thread may still write to (I1, I2). */
import { beforeEach, describe, expect, it } from 'vitest';
import { createRing, type RingMemory } from '../../src/actors/ring.ts';
import { RingPool } from '../../src/supervision/ring-pool.ts';

let made: RingMemory[];
let reset: RingMemory[];
let pool: RingPool;

beforeEach(() => {
  made = [];
  reset = [];
  pool = new RingPool({
    create: () => {
      made.push(createRing(128));
      return made.at(-1)!;
    },
    reset: (ring) => void reset.push(ring),
  });
});

const epoch = (number: number, slots: readonly number[], rings = 2): RingMemory[] => {
  pool.begin(number, slots);
  return Array.from({ length: rings }, () => pool.take());
};

describe('a ring is handed on', () => {
  it('when those that it was lent to are dead or at work on a later epoch', () => {
    const first = epoch(1, [1, 2]);
    pool.began(1, 1);
    epoch(2, [1, 3]);
    expect(made).toHaveLength(4);
    pool.dead(2);
    pool.began(1, 2);
    expect(new Set(epoch(3, [1, 3]))).toEqual(new Set(first));
    expect(reset).toHaveLength(2);
  });

  it('not while one of them only hangs', () => {
    epoch(1, [1, 2]);
    epoch(2, [1, 3]);
    pool.began(1, 2);
    epoch(3, [1, 3]);
    expect(made).toHaveLength(6);
    expect(reset).toEqual([]);
  });

  it('not by a thread that dies in the epoch itself while its neighbour lives', () => {
    epoch(1, [1, 2]);
    pool.dead(1);
    pool.began(2, 1);
    epoch(2, [2, 3]);
    expect(made).toHaveLength(4);
  });

  it('so that a thousand deaths take no more memory than a few', () => {
    for (let n = 1; n <= 1000; n++) {
      epoch(n, [n, n + 1]);
      pool.began(n + 1, n);
      // The one that dies is found dead while the next epoch is under way already.
      if (n > 1) pool.dead(n - 1);
    }
    expect(made.length).toBeLessThanOrEqual(6);
  });
});
