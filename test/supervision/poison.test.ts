/** How failures are blamed on records: counts, verdicts, what is to be passed over, and until when. */
import { describe, expect, it, vi } from 'vitest';
import { PoisonLedger, type PoisonDecision } from '../../src/supervision/poison.ts';

const TASK = 4;
const record = (hash: string) => ({ hash, text: `record ${hash}` });
const decided = (number: number, hash: string, until = 10, task = TASK): PoisonDecision => ({
  number,
  task,
  hash,
  until,
  record: hash,
  attempts: 3,
  lastError: 'exit 0',
});

describe('verdicts', () => {
  it('the third failure with the same record is one, and the count begins anew', () => {
    const ledger = new PoisonLedger(10);
    ledger.suspect(TASK, 5);
    const verdicts = Array.from({ length: 6 }, () => ledger.blame(TASK, record('a'), 0));
    expect(verdicts).toEqual(['again', 'again', 'poison', 'again', 'again', 'poison']);
  });

  it('other records and other tasks have counts of their own', () => {
    const ledger = new PoisonLedger(10);
    for (const hash of ['a', 'b', 'a', 'b'])
      expect(ledger.blame(TASK, record(hash), 0)).toBe('again');
    expect(ledger.blame(TASK + 1, record('a'), 0)).toBe('again');
    expect(ledger.blame(TASK, record('b'), 0)).toBe('poison');
    expect(ledger.blame(TASK, record('a'), 0)).toBe('poison');
  });

  it('counts are forgotten once that part of the stream is held', () => {
    const ledger = new PoisonLedger(10);
    ledger.suspect(TASK, 5);
    for (let n = 0; n < 2; n++) ledger.blame(TASK, record('a'), 0);
    ledger.held(5, [], () => []);
    expect(ledger.blame(TASK, record('a'), 0)).toBe('again');
  });

  it('there are at most three failures for each record that may be poison in a minute (I3)', () => {
    const ledger = new PoisonLedger(1);
    const at = (now: number) => ledger.blame(TASK, record('a'), now);
    expect([0, 1000, 2000, 3000].map(at)).toEqual(['again', 'again', 'poison', 'tooMany']);
    const later = new PoisonLedger(1);
    const atLater = (now: number) => later.blame(TASK, record('a'), now);
    expect([0, 1000, 2000, 60_001].map(atLater)).toEqual(['again', 'again', 'poison', 'again']);
  });
});

describe('a careful task', () => {
  it('is so until the barrier behind what failed is held, and no other task is', () => {
    const ledger = new PoisonLedger(10);
    ledger.suspect(TASK, 5);
    expect(ledger.carefulOf(TASK, [])).toEqual({ until: 5, passOver: [] });
    expect(ledger.carefulOf(TASK + 1, [])).toBeUndefined();
    ledger.held(4, [], () => []);
    expect(ledger.carefulOf(TASK, [])).toEqual({ until: 5, passOver: [] });
    ledger.held(5, [], () => []);
    expect(ledger.carefulOf(TASK, [])).toBeUndefined();
  });

  it('is forgiven its first failure once, when a record turns out to be guilty (I1)', () => {
    const ledger = new PoisonLedger(10);
    const forgive = vi.fn<() => void>();
    ledger.suspect(TASK, 5, forgive);
    expect(forgive).not.toHaveBeenCalled();
    ledger.blame(TASK, record('a'), 0);
    ledger.blame(TASK, record('a'), 0);
    expect(forgive).toHaveBeenCalledTimes(1);
  });
});

describe('decisions (I2)', () => {
  it('make their task careful, also for a coordinator that knows nothing else', () => {
    const ledger = new PoisonLedger(10);
    const open = [
      decided(1, 'a'),
      decided(2, 'a'),
      decided(3, 'b', 12),
      decided(4, 'c', 9, TASK + 1),
    ];
    expect(ledger.carefulOf(TASK, open)).toEqual({ until: 12, passOver: ['a', 'a', 'b'] });
  });

  it('are done with one by one, as occurrences are passed over before a point that is held', () => {
    const ledger = new PoisonLedger(10);
    const open = [decided(1, 'a'), decided(2, 'a'), decided(3, 'b')];
    expect(ledger.held(5, open, () => ['a'])).toEqual([open[1], open[2]]);
    expect(ledger.held(6, [open[1]!, open[2]!], () => [])).toEqual([open[1], open[2]]);
    expect(ledger.held(7, [open[1]!, open[2]!], () => ['b', 'a'])).toEqual([]);
  });

  it('are done with at their barrier, whatever became of the record', () => {
    expect(new PoisonLedger(10).held(10, [decided(1, 'a')], () => [])).toEqual([]);
  });
});
