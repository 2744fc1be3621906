/** Hand-overs of cells: what is kept always gives the state back, and never grows beyond a few times its size. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GatherCell } from '../../../src/dstream/state/gather-cell.ts';
import { KeyedState, LIVE } from '../../../src/dstream/state/keyed-state.ts';
import { TaskState } from '../../../src/dstream/state/task-state.ts';

/** The parts of a task as the coordinator keeps them. */
class Kept {
  parts: Uint8Array[] = [];

  take(state: TaskState, volatile?: unknown): void {
    const handOver = state.handOver(volatile);
    if (handOver?.mode === 'keep') return;
    if (handOver === undefined || handOver.mode === 'replace') this.parts = [];
    else this.parts.splice(0, handOver.drop ?? 0);
    if (handOver !== undefined) this.parts.push(handOver.bytes);
  }

  get bytes(): number {
    return this.parts.reduce((sum, { length }) => sum + length, 0);
  }
}

/** Keys, states and times with their slots. */
function content(state: KeyedState<unknown>): unknown[] {
  const entries: unknown[] = [];
  for (let slot = 0; slot < state.keys.length; slot++)
    if ((state.flags[slot]! & LIVE) !== 0)
      entries.push([slot, state.keys[slot], state.states[slot], state.times?.[slot]]);
  return entries;
}

const someKey = fc.oneof(
  fc.integer({ min: 0, max: 40 }),
  fc.integer({ min: 0, max: 40 }).map((n) => `key-${n}`),
  fc.integer({ min: 0, max: 20 }).map((n) => `a key of more than twelve characters ${n}`),
  fc.integer({ min: 0, max: 5 }).map((n) => [n, 'ö']),
  fc.constantFrom<unknown>(null, true, 7n, Number.NaN, ''),
);
const someState = fc.oneof(
  fc.integer(),
  fc.constantFrom<unknown>(null, -0, 'x', { a: [1, 2] }, 12n),
);
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('set'), key: someKey, state: someState }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('remove'), key: someKey }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('gather'), rows: fc.array(someState) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('end') }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('handOver'), volatile: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('recover') }) },
) as fc.Arbitrary<{
  do: string;
  key?: unknown;
  state?: unknown;
  rows?: unknown[];
  volatile?: boolean;
}>;

describe('a hand-over', () => {
  test('gives back what was there, whatever happened before and in between', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const make = (): {
          keyed: KeyedState<unknown>;
          gather: GatherCell;
          task: TaskState;
        } => {
          const keyed = new KeyedState<unknown>(true);
          const gather = new GatherCell();
          return { keyed, gather, task: new TaskState({ 'op/keys': keyed, 'op/open': gather }) };
        };
        const kept = new Kept();
        let now = make();
        let heldContent: unknown[] = [];
        let heldOpen: unknown[] = [];
        let heldVolatile: unknown;
        let open: unknown[] = [];
        let time = 0;
        const outcomes: unknown[] = [];
        const wanted: unknown[] = [];
        for (const each of steps) {
          const { keyed, gather, task } = now;
          switch (each.do) {
            case 'set': {
              const slot = keyed.find(each.key);
              if (slot < 0) keyed.times![keyed.add(each.key, each.state)] = ++time;
              else {
                keyed.times![slot] = ++time;
                keyed.set(slot, each.state);
              }
              break;
            }
            case 'remove': {
              const slot = keyed.find(each.key);
              if (slot >= 0) keyed.remove(slot);
              break;
            }
            case 'gather':
              gather.rows(1, each.rows!);
              open = [...open, ...each.rows!];
              break;
            case 'end':
              gather.take();
              open = [];
              break;
            case 'handOver':
              heldVolatile = each.volatile ? { n: time } : undefined;
              kept.take(task, heldVolatile);
              heldContent = content(keyed);
              heldOpen = open;
              break;
            default:
              now = make();
              outcomes.push([now.task.restore(kept.parts), content(now.keyed)]);
              wanted.push([heldVolatile, heldContent]);
              open = heldOpen;
          }
        }
        expect(outcomes).toEqual(wanted);
        const restored = make();
        restored.task.restore(kept.parts);
        expect(content(restored.keyed)).toEqual(heldContent);
        expect(restored.gather.take().flatMap((one) => ('rows' in one ? one.rows : []))).toEqual(
          heldOpen,
        );
        // A key that comes now gets the slot that it would have got (I1 of keyed-state.ts).
        const next = restored.keyed.add('quite new', 1);
        expect(steps.at(-1)?.do === 'handOver' ? now.keyed.add('quite new', 1) : next).toBe(next);
      }),
      { numRuns: 150 },
    );
  });

  test('finds each key again after it was restored, and no key that was removed', () => {
    const keyed = new KeyedState<number>();
    const task = new TaskState({ 'op/keys': keyed });
    const kept = new Kept();
    for (let n = 0; n < 5000; n++) keyed.add(`key-${n}`, n);
    kept.take(task);
    for (let n = 0; n < 5000; n += 3) keyed.remove(keyed.find(`key-${n}`));
    for (let n = 0; n < 1000; n++) keyed.add(n, n);
    kept.take(task);
    const restored = new KeyedState<number>();
    new TaskState({ 'op/keys': restored }).restore(kept.parts);
    for (let n = 0; n < 5000; n++)
      expect(restored.find(`key-${n}`)).toBe(n % 3 === 0 ? -1 : keyed.find(`key-${n}`));
    for (let n = 0; n < 1000; n++) expect(restored.states[restored.find(n)]).toBe(n);
  });

  test.each([
    ['a few keys', 60, 30_000],
    ['a tenth of the keys', 3000, 30_000],
    ['all keys', 30_000, 30_000],
  ])('of %s a time keeps no more than three times the state, in few parts', (_, some, all) => {
    const keyed = new KeyedState<number>();
    const other = new KeyedState<string>();
    const task = new TaskState({ 'op/keys': keyed, 'other/keys': other });
    const kept = new Kept();
    for (let n = 0; n < all; n++) keyed.add(`key-${n}`, n);
    other.add('one', 'state');
    kept.take(task);
    const once = kept.bytes;
    let at = 0;
    let most = 0;
    for (let batch = 0; batch < 200; batch++) {
      for (let n = 0; n < some; n++) {
        at = (at * 48_271 + 11) % 2_147_483_647;
        const slot = keyed.find(`key-${at % all}`);
        keyed.set(slot, keyed.states[slot]! + 1);
      }
      kept.take(task);
      expect(kept.parts.length).toBeLessThan(140);
      most = Math.max(most, kept.bytes);
      if (some === all && batch > 20) break;
    }
    expect(most / once).toBeLessThan(3.2);
    const restored = new KeyedState<number>();
    new TaskState({ 'op/keys': restored, 'other/keys': new KeyedState() }).restore(kept.parts);
    expect(restored.states).toEqual(keyed.states);
  });

  test('of a task in which nothing has changed is no new part', () => {
    const keyed = new KeyedState<number>();
    const task = new TaskState({ 'op/keys': keyed });
    expect(task.handOver(undefined)).toBeUndefined();
    keyed.add('a', 1);
    expect(task.handOver(undefined)?.mode).toBe('append');
    expect(task.handOver(undefined)?.mode).toBe('keep');
    expect(task.handOver([1])?.mode).toBe('append');
    expect(task.handOver(undefined)?.mode).toBe('append');
    expect(task.handOver(undefined)?.mode).toBe('keep');
  });

  test('of many new keys is encoded in slices', () => {
    const keyed = new KeyedState<number>();
    const task = new TaskState({ 'op/keys': keyed });
    for (let n = 0; n < 100_000; n++) keyed.add(n, n);
    let slices = 0;
    while (!task.prepare()) slices++;
    expect(slices).toBeGreaterThan(4);
    const kept = new Kept();
    kept.take(task);
    const restored = new KeyedState<number>();
    new TaskState({ 'op/keys': restored }).restore(kept.parts);
    expect(restored.states).toEqual(keyed.states);
  });

  test('of a state that no bytes can stand for names the operator', () => {
    const keyed = new KeyedState<unknown>();
    const task = new TaskState({ 'visits/keys': keyed });
    keyed.add('a', () => 1);
    expect(() => task.handOver(undefined)).toThrow(/the state of visits can not be stored/);
  });
});

describe('an open batch', () => {
  test('is handed over piece by piece and gone at its end', () => {
    const gather = new GatherCell();
    const task = new TaskState({ 'op/open': gather });
    const kept = new Kept();
    gather.pairs(0, ['a', 'b'], [1, -0]);
    kept.take(task);
    gather.pairs(1, ['c'], [Number.NaN]);
    gather.rows(0, [{ r: 1 }]);
    kept.take(task);
    kept.take(task);
    expect(kept.parts).toHaveLength(2);
    const restored = new GatherCell();
    new TaskState({ 'op/open': restored }).restore(kept.parts);
    expect(restored.records).toBe(4);
    expect(restored.take()).toEqual([
      { side: 0, keys: ['a', 'b'], values: [1, -0] },
      { side: 1, keys: ['c'], values: [Number.NaN] },
      { side: 0, rows: [{ r: 1 }] },
    ]);
    gather.take();
    kept.take(task);
    kept.take(task);
    const after = new GatherCell();
    new TaskState({ 'op/open': after }).restore(kept.parts);
    expect(after.records).toBe(0);
  });
});
