/**
 * A sink over a store of one's own, with each record in it exactly once: records are gathered between two points, and
 * committed with the point's number in one transaction (`plan/sink.ts`).
 */
import { badOption, checkFunction, checkInteger, checkOptions } from '../dstream/arguments.ts';
import { callSiteText } from '../dstream/call-site.ts';
import { type Duration, durationMs } from '../dstream/duration.ts';
import type { Sink, SinkContext, SinkSpec } from './sink.ts';

/** What a store must be able to do: keep records and a number together. */
export interface TransactionalStore<T> {
  /** The id that it holds under the instance's `key`; undefined when it holds none. */
  holds(): number | undefined | Promise<number | undefined>;
  /**
   * Writes the records, and the id in place of the one that it holds, in one transaction; nothing at all where it holds
   * that id or a greater one, which the transaction itself looks at. Called again with the same records until it has
   * returned once.
   */
  commit(id: number, records: readonly T[]): void | Promise<void>;
  close?(): void;
}

export interface TransactionalOptions {
  /** The stream is held back while more than so many bytes wait to be committed. @default 64 MiB */
  readonly maxPendingBytes?: number;
  /** A commit that fails is tried again for so long before its task fails. @default '60s' */
  readonly retryFor?: Duration;
}

/**
 * A transactional sink: `open` is called in the thread of each instance and gives its store. Records show when their
 * point counts: at the end of their batch, with a checkpoint directory when the checkpoint is complete.
 *
 * @example
 * transactional((ctx) => new OrdersTable(connect(), ctx.key))
 */
export function transactional<T>(
  open: (ctx: SinkContext) => TransactionalStore<T>,
  options: TransactionalOptions = {},
): SinkSpec<T> {
  const call = { operator: 'transactional', callSite: callSiteText() };
  checkFunction(call, 'open', open);
  checkOptions(call, options, ['maxPendingBytes', 'retryFor']);
  const { maxPendingBytes, retryFor } = options;
  if (maxPendingBytes !== undefined) checkInteger(call, 'maxPendingBytes', maxPendingBytes);
  return {
    kind: 'transactional',
    params: {},
    delivery: 'transactional',
    make: () => new StoreSink<T>(open),
    ...(maxPendingBytes === undefined ? {} : { maxPendingBytes }),
    ...(retryFor === undefined
      ? {}
      : { retryForMs: durationMs(retryFor, 'retryFor', 1, call.callSite) }),
  };
}

class StoreSink<T> implements Sink<T> {
  readonly #open: (ctx: SinkContext) => TransactionalStore<T>;
  #store!: TransactionalStore<T>;
  #records: T[] = [];

  constructor(open: (ctx: SinkContext) => TransactionalStore<T>) {
    this.#open = open;
  }

  open(ctx: SinkContext): void {
    const store: unknown = this.#open(ctx);
    const { holds, commit } = (store ?? {}) as Partial<TransactionalStore<T>>;
    if (typeof holds !== 'function' || typeof commit !== 'function')
      throw badOption(
        { operator: 'transactional', callSite: ctx.name },
        'what open gives',
        'a store with holds() and commit(id, records)',
        store,
      );
    this.#store = store as TransactionalStore<T>;
  }

  process(records: readonly T[]): void {
    for (let i = 0; i < records.length; i++) this.#records.push(records[i]!);
  }

  prepare(): unknown {
    const records = this.#records;
    if (records.length === 0) return undefined;
    this.#records = [];
    return records;
  }

  commit(id: number, output: unknown): void | Promise<void> {
    return this.#store.commit(id, output as readonly T[]);
  }

  holds(): number | undefined | Promise<number | undefined> {
    return this.#store.holds();
  }

  snapshot(): unknown {
    return this.#records.length === 0 ? undefined : this.#records;
  }

  restore(state: unknown): void {
    this.#records = state as T[];
  }

  close(): void {
    this.#store.close?.();
  }
}
