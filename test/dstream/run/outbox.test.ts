/** What a sink keeps until it is committed outlives whatever dies, and lets go of what it need not keep. */
import { describe, expect, it } from 'vitest';
import { Outbox, outputOf } from '../../../src/dstream/run/outbox.ts';
import { TaskState } from '../../../src/dstream/state/task-state.ts';
import { Pcg32 } from '../../../src/env/pcg32.ts';

/** An outbox with the hand-overs of its task. */
class Kept {
  outbox = new Outbox();
  #state = new TaskState({ 'sink[0]/outbox': this.outbox });
  parts: Uint8Array[] = [];

  handOver(): void {
    const given = this.#state.handOver(undefined);
    if (given === undefined) this.parts = [];
    else if (given.mode !== 'keep')
      this.parts = [...this.parts.slice(given.drop ?? 0), given.bytes];
  }

  restart(): void {
    this.outbox = new Outbox();
    this.#state = new TaskState({ 'sink[0]/outbox': this.outbox });
    this.#state.restore(this.parts);
  }

  get shown(): unknown[] {
    return this.outbox.kept.map((kept) => [kept.id, outputOf(kept), kept.publish.length]);
  }
}

describe('an outbox', () => {
  it('I1: gives back what was handed over, whatever was prepared and committed in between', () => {
    const random = new Pcg32(7);
    const kept = new Kept();
    let id = 0;
    for (let round = 0; round < 400; round++) {
      const rows = Array.from({ length: random.below(4) }, (_, n) => `${id}-${n}`);
      const publish = random.below(3) === 0 ? [{ from: `f${id}`, to: `t${id}` }] : [];
      kept.outbox.add(++id, rows.length === 0 ? undefined : rows, publish);
      if (random.below(3) > 0) kept.outbox.letGo(id - random.below(5));
      kept.handOver();
      if (random.below(4) > 0) continue;
      const before = kept.shown;
      const { bytes } = kept.outbox;
      kept.restart();
      expect(kept.shown).toEqual(before);
      expect(kept.outbox.bytes).toBe(bytes);
    }
  });

  it('I2: lets hand-overs go as commits follow, and writes nothing twice then', () => {
    const kept = new Kept();
    let written = 0;
    for (let id = 1; id <= 300; id++) {
      kept.outbox.add(id, ['x'.repeat(1000)], []);
      // Commits come some points later.
      kept.outbox.letGo(id - 8);
      kept.handOver();
      written += kept.parts.at(-1)!.length;
      expect(kept.parts.length).toBeLessThan(40);
    }
    expect(written).toBeLessThan(300 * 1200);
  });

  it('I2: lets hand-overs go although nothing is committed for long', () => {
    const kept = new Kept();
    for (let id = 1; id <= 5; id++) kept.outbox.add(id, ['first'], []);
    for (let id = 6; id <= 400; id++) {
      kept.outbox.add(id, [id], []);
      // The newest are committed by nobody, but the rest of the task changes all the time.
      kept.handOver();
    }
    kept.restart();
    expect(kept.shown).toHaveLength(400);
    kept.outbox.letGo(400);
    for (let n = 0; n < 3; n++) {
      kept.outbox.add(401 + n, [n], []);
      kept.handOver();
    }
    expect(kept.parts.length).toBeLessThan(8);
  });

  it('a task that hands over for other reasons does not keep parts for an outbox that is empty', () => {
    const kept = new Kept();
    kept.outbox.add(1, ['a'], []);
    kept.handOver();
    kept.outbox.letGo(1);
    kept.handOver();
    kept.restart();
    expect(kept.shown).toEqual([]);
  });
});
