import { describe, expect, it } from 'vitest';
import {
  THREAD_STATES,
  VitalsReader,
  VitalsWriter,
  vitalsBuffer,
} from '../../src/actors/vitals.ts';
import { IN_HAND_BYTES } from '../../src/actors/in-hand.ts';
import { simEnv } from '../../src/env/sim.ts';
import { VirtualClock } from '../../src/env/virtual-clock.ts';
import { Watchdog, type Hang } from '../../src/supervision/watchdog.ts';

function watched(hangTimeoutMs: number | 'off' = 800, lines = 2) {
  const clock = new VirtualClock();
  const buffer = vitalsBuffer(lines);
  const writers = Array.from({ length: lines }, (_, line) => new VitalsWriter(buffer, line));
  const hangs: (Hang & { readonly at: number })[] = [];
  const watchdog = new Watchdog({
    clock,
    hangTimeoutMs,
    onHang: (hang) => hangs.push({ ...hang, at: clock.monotonic() }),
  });
  writers.forEach((_, line) => watchdog.watch(`worker-${line}`, new VitalsReader(buffer, line)));
  return { clock, buffer, writers, hangs, watchdog };
}

describe('vitals', () => {
  it('shows each thread on a line of its own', () => {
    const buffer = vitalsBuffer(2);
    const [a, b] = [new VitalsWriter(buffer, 0), new VitalsWriter(buffer, 1)];
    const [seenA, seenB] = [new VitalsReader(buffer, 0), new VitalsReader(buffer, 1)];
    expect([seenA.state, seenA.progress, seenA.task]).toEqual(['STARTING', 0, undefined]);
    a.running(4);
    b.idle('blocked');
    expect([seenA.state, seenA.progress, seenA.task]).toEqual(['RUNNING', 1, 4]);
    expect([seenB.state, seenB.progress, seenB.task]).toEqual(['BLOCKED_OUT', 0, undefined]);
    for (const state of THREAD_STATES) {
      b.state(state);
      expect(seenB.state).toBe(state);
    }
    const after = (['progress', 'idle', 'done', 'awaiting', 'blocked'] as const).map((progress) => {
      a.idle(progress);
      return seenA.state;
    });
    expect(after).toEqual(['IDLE', 'IDLE', 'IDLE', 'AWAITING', 'BLOCKED_OUT']);
    // A cache line each, and what each has in hand.
    expect(buffer.byteLength).toBe(2 * (64 + IN_HAND_BYTES));
  });

  it('a new owner counts on, and the count wraps', () => {
    const buffer = vitalsBuffer(1);
    new Int32Array(buffer)[1] = 2 ** 31 - 1;
    const writer = new VitalsWriter(buffer, 0);
    writer.progress();
    expect(new VitalsReader(buffer, 0).progress).toBe(-(2 ** 31));
  });
});

describe('the watchdog', () => {
  it.each(['RUNNING', 'SNAPSHOT'] as const)(
    'I1: finds a thread that is %s without progress, within 1.25 of the timeout',
    (state) => {
      const env = simEnv(5);
      for (let run = 0; run < 50; run++) {
        const { clock, writers, hangs } = watched();
        // Steps at random times, the last of which never ends.
        let last = 0;
        for (let n = 0; n < 20; n++) {
          clock.advance(env.chance.below(300));
          writers[0]!.running(3);
          last = clock.monotonic();
        }
        writers[0]!.state(state);
        clock.advance(5000);
        expect(hangs).toHaveLength(1);
        const [hang] = hangs;
        expect(hang).toMatchObject({ thread: 'worker-0', state, task: 3 });
        expect(hang!.at - last).toBeGreaterThanOrEqual(800);
        expect(hang!.at - last).toBeLessThanOrEqual(1000);
      }
    },
  );

  it.each(['STARTING', 'IDLE', 'AWAITING', 'BLOCKED_OUT', 'DRAINING'] as const)(
    'takes %s for no hang',
    (state) => {
      const { clock, writers, hangs } = watched();
      writers[0]!.state(state);
      clock.advance(60_000);
      expect(hangs).toEqual([]);
    },
  );

  it('takes slow progress for no hang, and a heartbeat for progress', () => {
    const { clock, writers, hangs } = watched();
    writers[0]!.running();
    for (let n = 0; n < 20; n++) {
      clock.advance(700);
      writers[0]!.progress();
    }
    expect(hangs).toEqual([]);
  });

  it('I3: tells of a hang once, and watches the successor anew', () => {
    const { clock, buffer, writers, hangs, watchdog } = watched();
    writers[0]!.running();
    clock.advance(10_000);
    expect(hangs).toHaveLength(1);
    const successor = new VitalsWriter(buffer, 0);
    watchdog.watch('worker-0', new VitalsReader(buffer, 0));
    clock.advance(10_000);
    expect(hangs).toHaveLength(1);
    successor.running();
    clock.advance(1000);
    expect(hangs).toHaveLength(2);
  });

  it('I2: blames nobody for a stall of its own', () => {
    // Its timers come late, as when the event loop is blocked or the process was stopped.
    const real = new VirtualClock();
    let lateMs = 0;
    const clock = {
      now: () => real.now(),
      monotonic: () => real.monotonic(),
      after: (ms: number, run: () => void) => real.after(ms + lateMs, run),
    };
    const buffer = vitalsBuffer(1);
    const writer = new VitalsWriter(buffer, 0);
    const hangs: Hang[] = [];
    const watchdog = new Watchdog({ clock, onHang: (hang) => hangs.push(hang) });
    watchdog.watch('worker-0', new VitalsReader(buffer, 0));
    writer.running();
    real.advance(25_000);
    lateMs = 60_000;
    real.advance(4000);
    lateMs = 0;
    real.advance(65_000);
    expect(hangs).toEqual([]);
    // From the first look after it, at 90 s, the whole time counts again.
    real.advance(25_000);
    expect(hangs).toEqual([]);
    real.advance(2500);
    expect(hangs).toMatchObject([{ thread: 'worker-0', state: 'RUNNING' }]);
  });

  it('I2: restarts every clock when it is told of a stall', () => {
    const { clock, writers, hangs, watchdog } = watched();
    writers[0]!.running();
    clock.advance(790);
    watchdog.restartClocks();
    clock.advance(790);
    expect(hangs).toEqual([]);
    clock.advance(210);
    expect(hangs).toHaveLength(1);
  });

  it('leaves no timer when there is nobody to watch', () => {
    const { clock, watchdog } = watched();
    expect(clock.pending).toBe(1);
    watchdog.unwatch('worker-0');
    watchdog.unwatch('worker-1');
    expect(clock.pending).toBe(0);
  });

  it('can be off, and refuses a timeout that is none', () => {
    const { clock, writers, hangs } = watched('off');
    writers[0]!.running();
    clock.advance(1e9);
    expect({ hangs, timers: clock.pending }).toEqual({ hangs: [], timers: 0 });
    expect(() => watched(0)).toThrow(/hangTimeoutMs is 0/);
  });
});
