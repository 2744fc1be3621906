/** One instance of a sink at work. Belongs to the body of one task. */
import type { Barrier } from '../../actors/block.ts';
import type { Publication, TaskOutput } from '../../actors/task.ts';
import { NO_ROOT, STRIDE, type Tidings } from '../../actors/tracked.ts';
import { blamed } from '../../dstream/run/blame.ts';
import type { WithinTime } from '../../dstream/run/user-promise.ts';
import type { Disk } from '../../env/env.ts';
import type { GraphNode } from '../../plan/graph.ts';
import type { Sink } from '../sink.ts';
import type { Taker } from './outlet.ts';

export interface SinkUnitOptions {
  readonly node: GraphNode;
  readonly instance: number;
  readonly out: TaskOutput;
  readonly life: string;
  readonly disk: Disk;
  readonly tidings: Tidings | undefined;
  /** Bounds the time of a user's promise. */
  readonly within: WithinTime;
  /** Something must be waited for before the task goes on. */
  readonly wait: (promise: Promise<void>) => void;
}

export class SinkUnit implements Taker {
  readonly #options: SinkUnitOptions;
  readonly #sink: Sink<unknown>;

  constructor(options: SinkUnitOptions) {
    const { node, instance, out, life, disk } = options;
    this.#options = options;
    this.#sink = this.#guarded(() => {
      const sink = node.functions['make']!() as Sink<unknown>;
      sink.open?.({
        name: node.uid,
        instance,
        parallelism: node.params['parallelism'] as number,
        disk,
        life,
        write: (text) => out.report({ type: 'wrote', text }),
        collect: (name, barrier, time, rows) => {
          const told = out.report({
            type: 'collected',
            output: node.id,
            name,
            barrier,
            time,
            partitions: [rows],
          });
          if (told !== undefined) options.wait(told);
        },
      });
      return sink;
    });
  }

  take(rows: readonly unknown[], copies: ArrayLike<number> | undefined): void {
    const given = this.#guarded(() => this.#sink.process(rows));
    if (given !== undefined) {
      this.#options.wait(
        this.#options.within(given).then(
          () => this.#workedOff(copies),
          (error: unknown) => {
            throw this.#blame(error);
          },
        ),
      );
    } else this.#workedOff(copies);
  }

  endBatch(barrier: Barrier): void {
    this.#guarded(() => this.#sink.endBatch?.(barrier.number, barrier.time));
  }

  prepare(barrier: Barrier): readonly Publication[] {
    return this.#guarded(() => this.#sink.prepare?.(barrier.number)) ?? [];
  }

  held(): unknown {
    return this.#guarded(() => this.#sink.snapshot?.());
  }

  restore(held: unknown): void {
    if (held !== undefined) this.#guarded(() => this.#sink.restore?.(held));
  }

  close(): void {
    this.#sink.close?.();
  }

  #workedOff(copies: ArrayLike<number> | undefined): void {
    if (copies === undefined) return;
    const tidings = this.#options.tidings!;
    for (let at = 0; at < copies.length; at += STRIDE) {
      if (copies[at] !== NO_ROOT) tidings.copy(copies[at]!, copies[at + 1]!, copies[at + 2]!);
    }
  }

  #guarded<T>(act: () => T): T {
    try {
      return act();
    } catch (error) {
      throw this.#blame(error);
    }
  }

  #blame(error: unknown): Error {
    return blamed(error, this.#options.node, { partition: this.#options.instance });
  }
}
