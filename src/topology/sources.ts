/**
 * What a source of a topology may be. These are descriptions: the source itself lives on the I/O thread (`src/io`), where
 * a job's functions given here are called too.
 *
 * I1  A source is asked to go on at a position after the death of its thread: the number of records that lie in shared
 *     memory already. One that gives the same records from there loses and doubles nothing.
 */
import type { SocketOptions } from '../dstream/source-options.ts';
import type { GraphNode, UserFunction } from '../plan/graph.ts';

export interface SourceSpec<T> {
  readonly kind: GraphNode['kind'];
  readonly operator: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly functions: Readonly<Record<string, UserFunction>>;
  readonly live?: unknown;
  /** Only for the compiler. */
  readonly record?: T;
}

/** A source of your own: gives its records from a position on. Made once in each thread, used on the I/O thread. */
export interface RecordSource<T> {
  /**
   * The records from number `position` (from 0) on: an array, a generator, or an async one that waits for the world.
   * It is left (its `return` is called) when the job stops.
   */
  read(position: number): Iterable<T> | AsyncIterable<T>;
}

/** What a source of your own gives. */
export type RecordOf<S extends RecordSource<unknown>> =
  ReturnType<S['read']> extends AsyncIterable<infer T>
    ? T
    : ReturnType<S['read']> extends Iterable<infer U>
      ? U
      : never;

/** What a source may be given as: a description, or an object or class with `read(position)`. */
export type SourceLike<T> = SourceSpec<T> | RecordSource<T> | (new () => RecordSource<T>);

export interface TopologySocketOptions extends Omit<SocketOptions, 'name'> {
  readonly host: string;
  readonly port: number;
}

/** Lines of UTF-8 text from a TCP server, as `socketTextStream` reads them. */
export function socket({ host, port, hello, ...rest }: TopologySocketOptions): SourceSpec<string> {
  const params = { host, port, maxLineBytes: 1_048_576, onLongLine: 'fail', encoding: 'utf8' };
  return {
    kind: 'socket',
    operator: 'socket',
    params: { ...params, ...rest },
    functions: hello === undefined ? {} : { hello },
  };
}

/**
 * The records of an array, in order. With `threads: 0` it may grow while the topology runs, for tests; with threads each
 * has a copy as it was built.
 */
export function queue<T>(items: readonly T[]): SourceSpec<T> {
  return { ...records('queue', undefined), live: { items } };
}

/** What an iterable gives: an array, a set, or a function that makes one, which is called again to go on. */
export function fromIterable<T>(items: Iterable<T> | (() => Iterable<T>)): SourceSpec<T> {
  const read = function* (position: number): Iterable<T> {
    let left = position;
    for (const item of typeof items === 'function' ? items() : items) if (left-- <= 0) yield item;
  };
  return records('fromIterable', read);
}

export interface GenerateOptions {
  /** How many records in all. @default no end */
  readonly count?: number;
  /** Records a second. @default as fast as they are taken */
  readonly rate?: number;
}

/** `f(0)`, `f(1)`, … A record must depend on its number alone. */
export function generate<T>(
  f: (position: number) => T,
  options: GenerateOptions = {},
): SourceSpec<T> {
  const { count, rate } = options;
  return {
    ...records('generate', undefined, {
      ...(count === undefined ? {} : { count }),
      ...(rate === undefined ? {} : { rate }),
    }),
    functions: { at: f },
  };
}

/** 0, 1, 2 … */
export function numbers(options: GenerateOptions = {}): SourceSpec<number> {
  return { ...generate((n) => n, options), operator: 'numbers' };
}

/** The description behind whatever was given, or undefined when it is no source. */
export function sourceSpec<T>(given: SourceLike<T>): SourceSpec<T> | undefined {
  if (typeof given === 'function') {
    const make = given;
    if (typeof (make.prototype as Partial<RecordSource<T>> | undefined)?.read !== 'function')
      return undefined;
    let made: RecordSource<T> | undefined;
    return records('source', (position: number) => (made ??= new make()).read(position));
  }
  if (typeof given !== 'object' || given === null) return undefined;
  if ('operator' in given) return given;
  return typeof given.read === 'function'
    ? records('source', (position: number) => given.read(position))
    : undefined;
}

function records(
  operator: string,
  read: UserFunction | undefined,
  params: Readonly<Record<string, unknown>> = {},
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
): SourceSpec<any> {
  return { kind: 'records', operator, params, functions: read === undefined ? {} : { read } };
}
