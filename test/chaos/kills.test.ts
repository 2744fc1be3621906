/**
 * Every kind of thread dies in every way, in the middle of a word count over TCP, and nothing shows in the counts.
 * Closures and declared operators count side by side, on a connection each: a death hits both.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KillWay, RunOptions } from 'millrace';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { ThreadRole } from '../../src/run/engine.ts';
// @ts-expect-error plain JavaScript, as threads load it
import { EXIT_IN_HELLO, EXIT_IN_WORKER } from '../fixtures/jobs/counts.js';
import { Turns } from './turns.ts';
import { WordCount, type WordCountOptions } from './word-count.ts';

const FORMS = ['closures', 'declared'] as const;
type Victim = ThreadRole | 'spare';

const REASONS: Readonly<Record<KillWay, RegExp>> = {
  terminate: /^killed$/,
  throw: /^error: Error: this thread was told to throw$/,
  exit: /^exit 3: /,
  oom: /^oom: /,
  spin: /^hang: RUNNING without progress/,
};

/** More at once would find the machine too busy to tell a slow thread from one that hangs. */
const turns = new Turns(3);
const room = mkdtempSync(join(tmpdir(), 'chaos-'));
const { TMPDIR } = process.env;

// Whoever waits for a turn waits within its time.
vi.setConfig({ testTimeout: 150_000 });

beforeAll(() => {
  process.env['TMPDIR'] = room;
});

afterAll(() => {
  if (TMPDIR === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = TMPDIR;
  rmSync(room, { recursive: true, force: true });
});

async function counting(
  options: Partial<WordCountOptions>,
  act: (count: WordCount) => Promise<void>,
): Promise<void> {
  using _turn = await turns.take();
  const count = await WordCount.start({ forms: FORMS, ...options });
  try {
    await count.watched.until('all threads are up', () => count.watched.isWhole);
    await count.watched.batchesPass(2);
    await act(count);
  } finally {
    await count.close();
  }
}

/** So many threads have died, and all of them have successors. */
async function replaced({ watched }: WordCount, deaths: number): Promise<void> {
  await watched.until(`${deaths} deaths`, () => watched.ofType('actorExited').length >= deaths);
  await watched.until('successors', () => watched.isWhole);
}

/** Deaths by role, as the run counts them. */
function restarts({ watched }: WordCount): Record<ThreadRole, number> {
  const sums = { worker: 0, sources: 0, coordinator: 0 };
  for (const { role, restarts: n } of watched.run.threads()) sums[role] += n;
  return sums;
}

describe.concurrent('one thread', () => {
  for (const victim of ['worker', 'sources', 'coordinator', 'spare'] as const) {
    for (const way of ['terminate', 'throw', 'exit', 'oom', 'spin'] as const) {
      it(`a ${victim} that dies by ${way} changes no count`, () =>
        counting({ run: optionsFor(way) }, async (count) => {
          const { watched } = count;
          const { slot } = watched.thread(victim)!;
          watched.run.kill(slot, way);
          await replaced(count, 1);
          const role = victim === 'spare' ? 'worker' : victim;
          expect(watched.ofType('actorExited')).toEqual([
            expect.objectContaining({ role, slot, reason: expect.stringMatching(REASONS[way]) }),
          ]);
          await watched.batchesPass(2);
          expect(restarts(count)).toEqual({ worker: 0, sources: 0, coordinator: 0, [role]: 1 });
          // Sources stand outside the region, and a spare has no tasks.
          const recoveries = victim === 'worker' || victim === 'coordinator' ? 1 : 0;
          expect(watched.run.metrics().restarts).toBe(recoveries);
          const isFlowing = way === 'throw' || way === 'oom';
          expect(await (isFlowing ? count.finishFlowing() : count.finishHeld())).toEqual([]);
        }));
    }
  }
});

function optionsFor(way: KillWay): Pick<RunOptions, 'maxHeapMb' | 'supervision'> {
  if (way === 'oom') return { maxHeapMb: 96 };
  return way === 'spin' ? { supervision: { hangTimeoutMs: 2000 } } : {};
}

describe.concurrent('user code that exits with 0', () => {
  it('in a worker', () =>
    counting({}, async (count) => {
      Atomics.store(count.orders, EXIT_IN_WORKER, 1);
      await replaced(count, 1);
      expect(count.watched.ofType('actorExited')).toEqual([
        expect.objectContaining({ role: 'worker', reason: expect.stringMatching(/^exit 0: /) }),
      ]);
      await count.watched.batchesPass(2);
      expect(await count.finishHeld()).toEqual([]);
    }));

  it('in the thread of the sources', () =>
    counting({}, async (count) => {
      Atomics.store(count.orders, EXIT_IN_HELLO, 1);
      count.server.disconnect();
      await replaced(count, 1);
      expect(count.watched.ofType('actorExited')).toEqual([
        expect.objectContaining({ role: 'sources', reason: expect.stringMatching(/^exit 0: /) }),
      ]);
      await count.watched.batchesPass(2);
      expect(await count.finishHeld()).toEqual([]);
    }));
});

describe.concurrent('several threads', () => {
  const together: readonly (readonly Victim[])[] = [
    ['worker', 'worker'],
    ['worker', 'spare'],
    ['coordinator', 'worker'],
    ['coordinator', 'sources'],
    ['sources', 'worker'],
    ['coordinator', 'sources', 'worker', 'worker', 'spare'],
  ];
  for (const victims of together) {
    it(`${victims.join(', ')} die at once`, () =>
      counting({}, async (count) => {
        const { watched } = count;
        const nth = (n: number): number =>
          victims.slice(0, n).filter((v) => v === victims[n]).length;
        const slots = victims.map((victim, n) => watched.thread(victim, nth(n))!.slot);
        for (const slot of slots) watched.run.kill(slot);
        await replaced(count, victims.length);
        await watched.batchesPass(2);
        expect(await count.finishHeld()).toEqual([]);
      }));
  }

  it('a worker dies while the region recovers from the death of the other', () =>
    counting({}, async (count) => {
      const { watched } = count;
      const [first, other] = [watched.thread('worker', 0)!.slot, watched.thread('worker', 1)!.slot];
      watched.run.kill(first);
      await watched.until('the recovery', () => watched.ofType('recovering').length > 0);
      watched.run.kill(other);
      await replaced(count, 2);
      await watched.batchesPass(2);
      expect(await count.finishHeld()).toEqual([]);
      expect(watched.run.metrics().restarts).toBe(2);
    }));

  for (const role of ['worker', 'sources', 'coordinator'] as const) {
    it(`a ${role}, its successor and the successor's successor`, () =>
      counting({}, async (count) => {
        for (let deaths = 1; deaths <= 3; deaths++) {
          count.watched.run.kill(count.watched.thread(role)!.slot);
          await replaced(count, deaths);
        }
        await count.watched.batchesPass(2);
        expect(await count.finishFlowing()).toEqual([]);
      }));
  }
});

describe.concurrent('a drain goes on to its end', () => {
  const beginnings: readonly (readonly Victim[])[] = [
    ['worker'],
    ['sources'],
    ['coordinator'],
    ['coordinator', 'worker'],
    ['coordinator', 'sources'],
    ['worker', 'sources'],
  ];
  for (const victims of beginnings) {
    it(`when ${victims.join(' and ')} died as it began`, () =>
      counting({}, async (count) => {
        for (const victim of victims) count.watched.run.kill(count.watched.thread(victim)!.slot);
        expect(await count.finishFlowing()).toEqual([]);
      }));
    it(`when ${victims.join(' and ')} died right after it began`, () =>
      counting({}, async (count) => {
        const slots = victims.map((victim) => count.watched.thread(victim)!.slot);
        const finished = count.finishFlowing();
        for (const slot of slots) count.watched.run.kill(slot);
        expect(await finished).toEqual([]);
      }));
  }
});

describe('of all these runs', () => {
  it('no directory is left, and no port of a thread', async () => {
    expect(readdirSync(room)).toEqual([]);
    // The close of a port is told a moment after that of its peer.
    await vi.waitFor(() => expect(process.getActiveResourcesInfo()).not.toContain('MessagePort'));
  });
});
