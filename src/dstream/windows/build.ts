/**
 * The nodes of windows: what a batch comes to, and behind it the window over that. Each function checks what the user
 * gave, adds nodes and gives the id of the last. Used by the thread that builds a job.
 *
 * The node of a batch has the name of the window's with `.batch` behind it, and speaks of itself by the user's word.
 * That lengths fit the parent's slide is checked by `plan/slides.ts`, where the batch interval is known.
 */
import type { GraphBuilder } from '../../plan/graph-builder.ts';
import type { UserFunction } from '../../plan/graph.ts';
import { badOption, type Caller, checkFunction, checkInteger, checkOptions } from '../arguments.ts';
import { type Duration, durationMs } from '../duration.ts';
import { type Partitioner, type Partitions, partitionsOf } from '../partitioner.ts';
import { reducerName } from '../reducers.ts';

/** Where a window is put. */
export interface WindowSite {
  readonly builder: GraphBuilder;
  /** The stream's node. */
  readonly parent: number;
  readonly caller: Caller;
}

/** Of `reduceByWindow`. */
export interface ReduceWindow<V> {
  /** How long it is. */
  readonly window: Duration;
  /** How often there is one. @default as often as the stream has a batch */
  readonly slide?: Duration;
  /** Undoes the function: `inverse(f(a, b), a)` is `b`. @default none */
  inverse?(whole: V, leaving: V): V;
}

/** Of `reduceByKeyAndWindow`. */
export interface ReduceByKeyWindow<K, V> extends ReduceWindow<V> {
  /** Which pairs are given; with `inverse`, which keys stay. @default all */
  filter?(pair: readonly [K, V]): boolean;
  /** @default the parallelism of the run, by hash */
  readonly numPartitions?: Partitions<K>;
  /** The same as a partitioner for `numPartitions`. */
  readonly partitioner?: Partitioner<K>;
}

interface Spans {
  readonly windowMs: number;
  /** Undefined: as often as the parent has a batch. */
  readonly slideMs: number | undefined;
}

type Functions = Readonly<Record<string, UserFunction>>;
type Params = Readonly<Record<string, unknown>>;

const add = (a: number, b: number): number => a + b;
const subtract = (a: number, b: number): number => a - b;
const one = (): number => 1;
const increment = (count: number): number => count + 1;
const itself = <V>(value: V): V => value;

export function addWindow(site: WindowSite, length: unknown, slide: unknown): number {
  return window(site, site.parent, 'window', spans(site.caller, length, slide), {}, {});
}

export function addReduceByWindow(site: WindowSite, f: unknown, options: unknown): number {
  const { caller } = site;
  checkFunction(caller, 'f', f);
  checkOptions(caller, options, ['window', 'slide', 'inverse']);
  const given = options as Readonly<Record<string, unknown>>;
  const of = spans(caller, given['window'], given['slide']);
  const functions = { f: f as UserFunction, ...optional(caller, 'inverse', given) };
  const reduced = batch(
    site,
    site.parent,
    'reduce',
    { f: f as UserFunction },
    { reducer: reducerName(f) },
  );
  return window(site, reduced, 'windowReduce', of, functions, {});
}

export function addCountByWindow(site: WindowSite, length: unknown, slide: unknown): number {
  const of = spans(site.caller, length, required(site.caller, slide));
  const { builder, parent, caller } = site;
  const ones = builder.add({
    operator: `${caller.operator}.each`,
    callSite: caller.callSite,
    kind: 'map',
    role: 'narrow',
    parents: [parent],
    functions: { f: one },
    params: { operator: caller.operator },
  });
  const counted = batch(site, ones, 'reduce', { f: add }, { reducer: 'sum' });
  return window(site, counted, 'windowReduce', of, { f: add, inverse: subtract }, {});
}

export function addCountByValueAndWindow(
  site: WindowSite,
  length: unknown,
  slide: unknown,
  numPartitions: unknown,
): number {
  const of = spans(site.caller, length, required(site.caller, slide));
  checkPartitions(site.caller, numPartitions);
  const counted = batch(site, site.parent, 'countByValue', {}, { numPartitions });
  const functions = { f: add, inverse: subtract };
  return window(site, counted, 'windowReduceByKey', of, functions, { keeps: 'nonZero' });
}

export function addGroupByKeyAndWindow(
  site: WindowSite,
  length: unknown,
  slide: unknown,
  numPartitions: unknown,
): number {
  const of = spans(site.caller, length, slide);
  const { functions, params } = partitionsOf(site.caller, numPartitions);
  const grouped = batch(site, site.parent, 'groupByKey', functions, params);
  return window(site, grouped, 'windowGroupByKey', of, {}, {});
}

export function addReduceByKeyAndWindow(site: WindowSite, f: unknown, options: unknown): number {
  const { caller } = site;
  const reducer = reducerName(f);
  if (reducer !== 'count') checkFunction(caller, 'f', f);
  checkOptions(caller, options, [
    'window',
    'slide',
    'inverse',
    'filter',
    'numPartitions',
    'partitioner',
  ]);
  const given = options as Readonly<Record<string, unknown>>;
  const of = spans(caller, given['window'], given['slide']);
  const partitions = partitionsOf(caller, given['partitioner'] ?? given['numPartitions']);
  const reduce = reducer === 'count' ? add : (f as UserFunction);
  const functions = {
    f: reduce,
    ...optional(caller, 'inverse', given),
    ...optional(caller, 'filter', given),
  };
  const combine =
    reducer === 'count'
      ? { create: one, mergeValue: increment, mergeCombiners: add }
      : { create: itself, mergeValue: reduce, mergeCombiners: reduce };
  const reduced = batch(
    site,
    site.parent,
    'combineByKey',
    { ...combine, ...partitions.functions },
    { mapSideCombine: true, reducer, ...partitions.params },
  );
  return window(site, reduced, 'windowReduceByKey', of, functions, {});
}

/** What a batch comes to. */
function batch(
  { builder, caller }: WindowSite,
  parent: number,
  kind: 'reduce' | 'combineByKey' | 'countByValue' | 'groupByKey',
  functions: Functions,
  params: Params,
): number {
  return builder.add({
    operator: `${caller.operator}.batch`,
    callSite: caller.callSite,
    kind,
    role: 'wide',
    parents: [parent],
    functions,
    params: { ...params, operator: caller.operator },
  });
}

function window(
  { builder, caller }: WindowSite,
  parent: number,
  kind: 'window' | 'windowReduce' | 'windowReduceByKey' | 'windowGroupByKey',
  of: Spans,
  functions: Functions,
  params: Params,
): number {
  const keepsKeys = kind === 'windowReduceByKey' || kind === 'windowGroupByKey';
  return builder.add({
    ...caller,
    kind,
    role: 'narrow',
    parents: [parent],
    functions,
    params: {
      ...of,
      ...params,
      ...(kind === 'window' ? {} : { operator: caller.operator }),
      ...(keepsKeys ? { keepsKeys } : {}),
    },
  });
}

/** The length and the slide of a window, in ms. */
function spans(caller: Caller, length: unknown, slide: unknown): Spans {
  const ms = (value: unknown, what: string): number =>
    durationMs(value as Duration, `${caller.operator}: ${what}`, 1, caller.callSite);
  return {
    windowMs: ms(length, 'window'),
    slideMs: slide === undefined ? undefined : ms(slide, 'slide'),
  };
}

function required(caller: Caller, slide: unknown): unknown {
  if (slide === undefined) throw badOption(caller, 'slide', 'a duration', slide);
  return slide;
}

function optional(
  caller: Caller,
  option: string,
  given: Readonly<Record<string, unknown>>,
): Functions {
  const f = given[option];
  if (f === undefined) return {};
  checkFunction(caller, option, f);
  return { [option]: f as UserFunction };
}

function checkPartitions(caller: Caller, numPartitions: unknown): void {
  if (numPartitions !== undefined) checkInteger(caller, 'numPartitions', numPartitions);
}
