import { describe, expect, expectTypeOf, test } from 'vitest';
import {
  type BatchCompletedEvent,
  Receiver,
  type RunEvent,
  StatsReportListener,
  StreamingContext,
  type StreamingListener,
} from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';

function context(): { ssc: StreamingContext; clock: VirtualClock } {
  const clock = new VirtualClock({ startMs: 10_500 });
  return { ssc: new StreamingContext({ clock, write: () => {} }), clock };
}

const BATCH_EVENTS = [
  'streamingStarted',
  'batchSubmitted',
  'batchStarted',
  'outputStarted',
  'outputCompleted',
  'batchCompleted',
];

/** Of the kinds that Spark has. */
const sparks = (events: readonly RunEvent[]): string[] =>
  events.map(({ type }) => type).filter((type) => BATCH_EVENTS.includes(type));

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function until(done: () => boolean): Promise<void> {
  for (let n = 0; n < 2000 && !done(); n++) await sleep(1);
  expect(done()).toBe(true);
}

describe('a listener of a context', () => {
  test('hears all from the start on, in order, and until it is removed', async () => {
    const { ssc, clock } = context();
    ssc.queueStream([[1, 2], [3]]).print();
    ssc.queueStream([['a']]).foreachBatch(() => {});
    const events: RunEvent[] = [];
    const listener: StreamingListener = { onEvent: (event) => void events.push(event) };
    ssc.addStreamingListener(listener);
    await ssc.start();
    clock.advance(500);
    await until(() => sparks(events).includes('batchCompleted'));
    expect(sparks(events)).toEqual([
      'streamingStarted',
      'batchSubmitted',
      'batchStarted',
      'outputStarted',
      'outputCompleted',
      'outputStarted',
      'outputCompleted',
      'batchCompleted',
    ]);
    const done = events.find(({ type }) => type === 'batchCompleted') as BatchCompletedEvent;
    expect(done).toMatchObject({
      batchTime: 11_000,
      numRecords: 3,
      streamIdToInputInfo: {
        0: { inputStreamId: 0, name: 'queueStream#1', numRecords: 2 },
        1: { inputStreamId: 1, name: 'queueStream#2', numRecords: 1 },
      },
      outputOperationInfos: [
        { id: 0, name: 'print#1', description: expect.stringContaining('listeners.test.ts:') },
        { id: 1, name: 'foreachBatch#1' },
      ],
    });
    expect(done.totalDelay).toBe(done.schedulingDelay + done.processingDelay);
    ssc.removeStreamingListener(listener);
    const heard = events.length;
    clock.advance(1000);
    await until(() => ssc.metrics().batches === 2);
    expect(events).toHaveLength(heard);
    await ssc.stop();
  });

  test('has functions by kind, by the names of Spark too; one that throws harms nobody', async () => {
    const { ssc, clock } = context();
    ssc.queueStream([[1]]).print();
    const heard: string[] = [];
    ssc.addStreamingListener({
      onBatchCompleted: () => {
        throw new Error('a bad listener');
      },
      onOutputCompleted: () => Promise.reject(new Error('a worse one')),
    });
    ssc.addStreamingListener({
      onOutputOperationStarted: (e) => void heard.push(`started ${e.id}`),
      onOutputOperationCompleted: (e) => void heard.push(`completed ${e.outputOperationInfo.id}`),
      onBatchCompleted: (e) => void heard.push(`batch ${e.batchInfo.batchTime}`),
      onStreamingStarted: (e) => void heard.push(`at ${e.time}`),
    });
    await ssc.start();
    const hints: string[] = [];
    void (async () => {
      for await (const event of ssc.events()) if (event.type === 'hint') hints.push(event.text);
    })();
    clock.advance(500);
    await until(() => hints.length === 2);
    expect(heard).toEqual(['at 10500', 'started 0', 'completed 0', 'batch 11000']);
    expect(hints.join()).toContain('onBatchCompleted of a listener failed: Error: a bad listener');
    expect(hints.join()).toContain('onOutputCompleted of a listener failed: Error: a worse one');
    await ssc.stop();
  });

  test('hears of receivers, by the name that Spark gives to what it holds too', async () => {
    class Once extends Receiver<number> {
      onStart(): void {
        this.store(1);
        this.reportError('a little late', new Error('late'));
      }
    }
    const { ssc } = context();
    ssc.receiverStream(new Once()).print();
    const heard: unknown[] = [];
    ssc.addStreamingListener({
      onReceiverStarted: (e) => void heard.push([e.streamId, e.active, e.receiverInfo === e]),
      onReceiverError: (e) => void heard.push(e.receiverInfo.lastErrorMessage),
      onReceiverStopped: (e) => void heard.push(e.active),
    });
    await ssc.start();
    await until(() => heard.length === 2);
    await ssc.stop({ graceful: true });
    expect(heard).toEqual([[0, true, true], 'a little late', false]);
  });

  test('may stop the context', async () => {
    const { ssc, clock } = context();
    ssc.queueStream([[1]]).print();
    ssc.addStreamingListener({
      onBatchCompleted: async () => {
        await ssc.stop({ graceful: true });
      },
    });
    await ssc.start();
    clock.advance(500);
    await ssc.awaitTermination();
    expect(ssc.state).toBe('stopped');
  });

  test('is an object', () => {
    const { ssc } = context();
    expect(() => ssc.addStreamingListener('me' as never)).toThrow(
      expect.objectContaining({ code: 'ERR_MILLRACE_BAD_OPTION' }),
    );
  });
});

test('StatsReportListener tells how delays of the newest batches are distributed', () => {
  const lines: string[] = [];
  const stats = new StatsReportListener(2, (text) => lines.push(text));
  const batch = (totalDelay: number): BatchCompletedEvent =>
    ({ totalDelay, processingDelay: totalDelay / 2 }) as BatchCompletedEvent;
  stats.onBatchCompleted(batch(1000));
  stats.onBatchCompleted(batch(10));
  stats.onBatchCompleted(batch(20));
  expect(lines).toHaveLength(6);
  expect(lines[4]).toBe(
    'Total delay of the newest 2 batches:\n' +
      '   0%     5%    10%    25%    50%    75%    90%    95%   100%\n' +
      '10 ms  10 ms  10 ms  10 ms  20 ms  20 ms  20 ms  20 ms  20 ms',
  );
});

test('types: a function for each kind of event', () => {
  expectTypeOf<
    Parameters<NonNullable<StreamingListener['onBatchCompleted']>>[0]
  >().toEqualTypeOf<BatchCompletedEvent>();
  expectTypeOf<StreamingListener['onReceiverError']>().not.toBeNever();
  expectTypeOf<StreamingListener>().toHaveProperty('onDeadLetter');
});
