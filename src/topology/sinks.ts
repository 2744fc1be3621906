/** The sinks that need nothing but the run: text, functions, and results for the embedding process. */
import type { Sink, SinkContext, SinkSpec } from './sink.ts';

/**
 * Prints each record on a line of its own: text as it is, anything else as JSON. Plain: after a recovery lines may be
 * printed again.
 */
export function print<T>(format: (record: T) => string = asText): SinkSpec<T> {
  return {
    kind: 'print',
    params: {},
    make: () => {
      let ctx!: SinkContext;
      return {
        open: (given) => {
          ctx = given;
        },
        process: (records) => {
          let text = '';
          for (const record of records) text += `${format(record)}\n`;
          return ctx.write(text);
        },
      };
    },
  };
}

/**
 * Calls a function with each record, in the sink's thread. Plain: after a recovery it is called again for records since
 * the newest recovery point. A promise holds the stream back until it settles; of a block of records all are called
 * before the first is awaited.
 */
export function forEach<T>(f: (record: T) => void | Promise<void>): SinkSpec<T> {
  return {
    kind: 'forEach',
    params: {},
    make: () => ({
      process: (records) => {
        let waiting: Promise<void>[] | undefined;
        for (let i = 0; i < records.length; i++) {
          const given = f(records[i]!);
          if (given !== undefined && typeof given?.then === 'function')
            (waiting ??= []).push(given);
        }
        return waiting === undefined ? undefined : Promise.all(waiting).then(() => undefined);
      },
    }),
  };
}

/**
 * Gathers the records between two batch barriers for `run.results(name)` of the embedding process, which gets each
 * once. A sink of it has one instance.
 */
export function collect<T>(name: string): SinkSpec<T> {
  return {
    kind: 'collect',
    params: { name },
    make: () => new CollectSink<T>(name),
  };
}

class CollectSink<T> implements Sink<T> {
  readonly #name: string;
  #ctx: SinkContext | undefined;
  #rows: T[] = [];

  constructor(name: string) {
    this.#name = name;
  }

  open(ctx: SinkContext): void {
    this.#ctx = ctx;
  }

  process(records: readonly T[]): void {
    for (let i = 0; i < records.length; i++) this.#rows.push(records[i]!);
  }

  endBatch(barrier: number, time: number): void {
    this.#ctx!.collect(this.#name, barrier, time, this.#rows);
    this.#rows = [];
  }

  snapshot(): unknown {
    return this.#rows;
  }

  restore(state: unknown): void {
    this.#rows = state as T[];
  }
}

function asText(record: unknown): string {
  return typeof record === 'string' ? record : (JSON.stringify(record) ?? String(record));
}
