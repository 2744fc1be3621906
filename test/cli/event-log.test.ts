import { describe, expect, it } from 'vitest';
import { batchCompleted, batchSubmitted } from './batch-event.ts';
import { EventLog, msText, thousands, timeText } from '../../src/cli/event-log.ts';
import { jsonLine } from '../../src/cli/json-lines.ts';
import { toWire } from '../../src/errors.ts';

const started = (barrier: number, tookMs: number) =>
  ({ type: 'started', epoch: 1, barrier, tookMs, workers: [3, 4] }) as const;
const metrics = (counted: Record<string, number>) => ({
  batches: 0,
  quarantined: 0,
  deadLetters: 0,
  failedBatches: 0,
  records: 0,
  restarts: 0,
  counted,
  logs: {},
});

describe('events as lines for people', () => {
  it('a death and its recovery say who, why, from where and how long; the start says nothing', () => {
    const log = new EventLog({ batches: false });
    expect(log.lines({ type: 'workerWanted' })).toEqual([]);
    expect(log.lines(started(0, 0))).toEqual([]);
    expect(
      log.lines({
        type: 'actorExited',
        role: 'worker',
        slot: 3,
        reason: 'oom: its heap reached the limit',
      }),
    ).toEqual(['worker 0 (thread 3) died: oom: its heap reached the limit']);
    expect(
      log.lines({ type: 'recovering', epoch: 2, barrier: 12, cause: 'worker 1: oom', restarts: 1 }),
    ).toEqual([]);
    expect(log.lines({ type: 'workerWanted' })).toEqual([
      'no spare stands ready: waiting for a new thread',
    ]);
    expect(log.lines(started(12, 34.2))).toEqual([
      'recovered in 34 ms from barrier 12 (worker 1: oom)',
    ]);
    expect(log.lines(started(13, 0))).toEqual(['a new coordinator goes on from barrier 13']);
  });

  it('a batch that is tried again says what threw', () => {
    const log = new EventLog({ batches: false });
    const error = toWire(new TypeError('no\nmore'));
    expect(
      log.lines({
        type: 'recovering',
        epoch: 2,
        barrier: 3,
        cause: 'task map#1[0] threw',
        restarts: 1,
        error,
      }),
    ).toEqual(['task map#1[0] threw, going back to barrier 3: TypeError: no']);
  });

  it('batches are told only when that is asked for; those under way are known', () => {
    const done = batchCompleted({
      barrier: 1,
      time: 1000,
      records: 12_345,
      schedulingDelayMs: 0,
      processingMs: 3.21,
      totalDelayMs: 40,
    });
    const quiet = new EventLog({ batches: false });
    quiet.lines(batchSubmitted(1, 1000));
    expect(quiet.openBatches).toEqual([1000]);
    expect(quiet.lines(done)).toEqual([]);
    expect(quiet.openBatches).toEqual([]);
    expect(new EventLog({ batches: true }).lines(done)).toEqual([
      `batch ${timeText(1000)}: 12,345 records, worked on for 3.2 ms, out after 40 ms`,
    ]);
  });

  it('sources say what they do and when they try again, gaps stand out', () => {
    const log = new EventLog({ batches: false });
    const error = toWire(new Error('refused'));
    expect(
      log.lines({ type: 'sourceState', source: 's', state: 'disconnected', error, retryInMs: 200 }),
    ).toEqual(['source s disconnected: Error: refused; next attempt in 200 ms']);
    expect(log.lines({ type: 'possibleGap', source: 's', detail: 'reconnected' })).toEqual([
      'source s: POSSIBLE GAP: reconnected',
    ]);
  });

  it('counted trouble is told when it grows, with its sum', () => {
    const log = new EventLog({ batches: false });
    expect(log.warnings(metrics({}))).toEqual([]);
    expect(log.warnings(metrics({ invalidUtf8: 2 }))).toEqual([
      expect.stringMatching(/^2 lines weren't valid UTF-8.*\(2 in all\)$/),
    ]);
    expect(log.warnings(metrics({ invalidUtf8: 2 }))).toEqual([]);
    expect(log.warnings(metrics({ invalidUtf8: 1005 }))).toEqual([
      expect.stringMatching(/^1,003 lines.*\(1,005 in all\)$/),
    ]);
  });

  it('numbers and times read well', () => {
    expect([0, 999, 1000, 1_234_567].map(thousands)).toEqual(['0', '999', '1,000', '1,234,567']);
    expect([0, 3.21, 34.4, 999, 1500, 60_000].map(msText)).toEqual([
      '0 ms',
      '3.2 ms',
      '34 ms',
      '999 ms',
      '1.5 s',
      '60 s',
    ]);
    expect(timeText(new Date(2026, 0, 1, 9, 5, 7, 40).getTime())).toBe('09:05:07.040');
  });
});

describe('events as JSON', () => {
  it('one line each: type first, errors in a plain form, nothing that JSON can not say', () => {
    const event = {
      type: 'x',
      error: toWire(new RangeError('bad', { cause: new Error('why') })),
      values: [1n, new Map([['a', 1]])],
    };
    const line = jsonLine(event, 0);
    expect(line.endsWith('\n') && line.indexOf('\n') === line.length - 1).toBe(true);
    expect(JSON.parse(line)).toEqual({
      type: 'x',
      at: '1970-01-01T00:00:00.000Z',
      error: { name: 'RangeError', message: 'bad', cause: { name: 'Error', message: 'why' } },
      values: ['1', [['a', 1]]],
    });
    expect(line.startsWith('{"type":"x"')).toBe(true);
  });
});
