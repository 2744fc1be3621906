/** One instance of a sink at work in a topology. Belongs to the body of one task. */
import type { Barrier } from '../../actors/block.ts';
import type { Publication } from '../../actors/task.ts';
import { NO_ROOT, STRIDE, type Tidings } from '../../actors/tracked.ts';
import type { Outbox } from '../../dstream/run/outbox.ts';
import { SinkLife, type SinkLifeOptions } from '../../dstream/run/sink-life.ts';
import { stateName } from '../../plan/stateful.ts';
import type { Taker } from './outlet.ts';

export interface SinkUnitOptions extends Omit<SinkLifeOptions, 'parallelism'> {
  readonly tidings: Tidings | undefined;
}

export class SinkUnit implements Taker {
  /** Of its state. */
  readonly name: string;
  /** Of its cell of the task's state. */
  readonly outboxName: string;
  readonly #options: SinkUnitOptions;
  readonly #life: SinkLife;
  /** Of a sink that replaces: what came since the last batch barrier. */
  #part: unknown[] = [];

  constructor(options: SinkUnitOptions) {
    const { node, instance } = options;
    this.name = stateName(node.uid, instance);
    this.outboxName = `${this.name}/outbox`;
    this.#options = options;
    const parallelism = node.params['parallelism'] as number;
    this.#life = new SinkLife({ ...options, parallelism });
  }

  get outbox(): Outbox | undefined {
    return this.#life.outbox;
  }

  take(rows: readonly unknown[], copies: ArrayLike<number> | undefined): void {
    if (this.#life.replaces) {
      for (let i = 0; i < rows.length; i++) this.#part.push(rows[i]);
      this.#workedOff(copies);
      return;
    }
    const given = this.#life.process(rows);
    if (given === undefined) this.#workedOff(copies);
    else this.#options.wait(given.then(() => this.#workedOff(copies)));
  }

  /** All before the barrier has come. What it promises is to be waited for before the hand-over. */
  endBarrier(barrier: Barrier): void | Promise<void> {
    if (!barrier.batch || !this.#life.replaces) return this.#life.endBarrier(barrier);
    const { number: batch, time } = barrier;
    const part = this.#part;
    this.#part = [];
    const replaced = this.#life.replace(part, { batch, time, partition: this.#options.instance });
    return replaced === undefined
      ? this.#life.endBarrier(barrier)
      : replaced.then(() => this.#life.endBarrier(barrier));
  }

  takePublications(): readonly Publication[] {
    return this.#life.takePublications();
  }

  durable(barrier: number): Promise<void> | undefined {
    return this.#life.durable(barrier);
  }

  waiting(): Promise<void> | undefined {
    return this.#life.waiting();
  }

  held(): unknown {
    return this.#life.replaces && this.#part.length > 0 ? this.#part : this.#life.held();
  }

  restore(held: unknown): void {
    if (this.#life.replaces) this.#part = (held as unknown[] | undefined) ?? [];
    else this.#life.restore(held);
  }

  close(): void {
    this.#life.close();
  }

  #workedOff(copies: ArrayLike<number> | undefined): void {
    if (copies === undefined) return;
    const tidings = this.#options.tidings!;
    for (let at = 0; at < copies.length; at += STRIDE) {
      if (copies[at] !== NO_ROOT) tidings.copy(copies[at]!, copies[at + 1]!, copies[at + 2]!);
    }
  }
}
