/**
 * Stands between the engine and a sink, and has it die where a scenario wants: what dies answers nobody any more.
 *
 * I1  Once a life is dead nothing of its sink is called, but what was held up and is let go on purpose, and `close`.
 */
import type { Sink, SinkContext } from '../../plan/sink.ts';

export type Step = 'process' | 'replace' | 'endBatch' | 'prepare' | 'publish' | 'commit' | 'holds';

/** What becomes of a call: it is made, or not, and then it is answered, or not. */
export type Fate = (
  call: (args: readonly unknown[]) => unknown,
  args: readonly unknown[],
) => unknown;

/** The records of an output, at whose n-th, or end, whoever reads them is interrupted. */
export function trapped(output: unknown, at: number): unknown {
  if (typeof output !== 'object' || output === null) return output;
  const { length } = Array.isArray(output) ? output : Object.keys(output);
  let reads = 0;
  return new Proxy(output, {
    get(target, property, receiver): unknown {
      const isRecord = typeof property === 'string' && property in target && property !== 'length';
      const isEnd = property === 'length' && reads >= length;
      if ((isRecord && reads++ >= at) || (isEnd && at >= length)) throw new Interrupted();
      return Reflect.get(target, property, receiver);
    },
  });
}

/** Thrown inside a sink: what it does from here on is of a dead process. */
export class Interrupted extends Error {
  override readonly name: string = 'Interrupted';
}

/** A promise that nothing settles. */
export function never(): Promise<never> {
  return new Promise(() => {});
}

export class Mortal {
  isDead = false;
  /** Calls made, by step. */
  readonly calls: Partial<Record<Step, number>> = {};
  /** What its sink was opened with. */
  context: SinkContext | undefined;
  readonly #fates = new Map<Step, Fate>();

  /** The next call of that step has another fate than to be made and answered. */
  next(step: Step, fate: Fate): void {
    this.#fates.set(step, fate);
  }

  /** The same sink, between whose steps this life may end. */
  around(sink: Sink<unknown>): Sink<unknown> {
    const made: Record<string, unknown> = {};
    for (const name of METHODS) {
      const method = sink[name] as ((...args: unknown[]) => unknown) | undefined;
      if (typeof method !== 'function') continue;
      made[name] = (...args: unknown[]): unknown =>
        this.#call(name, (given) => method.apply(sink, given as unknown[]), args);
    }
    return made;
  }

  #call(
    name: (typeof METHODS)[number],
    call: (args: readonly unknown[]) => unknown,
    args: readonly unknown[],
  ): unknown {
    // What it has open in this process is let go in the end, as the death of its own would.
    if (name === 'close') return call(args);
    if (this.isDead) return never();
    if (name === 'open') this.context = args[0] as SinkContext;
    const step = name as Step;
    this.calls[step] = (this.calls[step] ?? 0) + 1;
    const fate = this.#fates.get(step);
    this.#fates.delete(step);
    return fate === undefined ? call(args) : fate(call, args);
  }
}

const METHODS = [
  'open',
  'process',
  'replace',
  'endBatch',
  'publish',
  'prepare',
  'commit',
  'holds',
  'recover',
  'snapshot',
  'restore',
  'close',
] as const satisfies readonly (keyof Sink<unknown>)[];
