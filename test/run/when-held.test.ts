/** Reports of batches that may come to something else when they run again: only those of a held barrier are told (I1, I2). */
import { beforeEach, describe, expect, it } from 'vitest';
import { WhenHeld } from '../../src/run/when-held.ts';

let whenHeld: WhenHeld;
let told: string[];

const report = (epoch: number, barrier: number, what = `${barrier} of epoch ${epoch}`): void =>
  whenHeld.report(epoch, barrier, () => void told.push(what));

beforeEach(() => {
  whenHeld = new WhenHeld();
  told = [];
});

describe('a report of a batch', () => {
  it('waits until its barrier is held', () => {
    report(1, 3);
    report(1, 5);
    expect(told).toEqual([]);
    whenHeld.held(3);
    expect(told).toEqual(['3 of epoch 1']);
    whenHeld.held(5);
    expect(told).toEqual(['3 of epoch 1', '5 of epoch 1']);
  });

  it('is told at once when it comes behind the word that its barrier is held', () => {
    whenHeld.held(3);
    report(1, 3);
    expect(told).toEqual(['3 of epoch 1']);
  });

  it('is dropped when the next epoch begins before its barrier, whichever comes first', () => {
    report(1, 4);
    whenHeld.began(2, 3);
    report(1, 5);
    whenHeld.held(5);
    expect(told).toEqual([]);
    report(2, 5);
    expect(told).toEqual(['5 of epoch 2']);
  });

  it('is told when the next epoch says that it was held: the coordinator died before it could', () => {
    report(1, 4);
    report(1, 5);
    whenHeld.began(3, 4);
    report(1, 4, 'another output');
    expect(told).toEqual(['4 of epoch 1', 'another output']);
  });

  it('of a newer epoch than has begun, as far as is known, waits for the word of it', () => {
    whenHeld.held(3);
    report(2, 4);
    whenHeld.began(2, 3);
    expect(told).toEqual([]);
    whenHeld.held(4);
    expect(told).toEqual(['4 of epoch 2']);
  });
});
