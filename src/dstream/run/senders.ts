/** Numbers the partitions that arrive at a task, in the plan's order: by parent, then by partition. */
import type { Arrival } from '../../plan/planned.ts';

export class Senders {
  /** By input, then port. */
  readonly #numbers: number[][] = [];

  constructor(arrivals: readonly Arrival[]) {
    arrivals.forEach(({ input, port }, number) => {
      (this.#numbers[input] ??= [])[port] = number;
    });
  }

  of(input: number, port: number): number {
    return this.#numbers[input]![port]!;
  }
}
