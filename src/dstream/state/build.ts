/**
 * The nodes of operators with state by key: each function checks what the user gave, adds a node and gives its id. Used by
 * the thread that builds a job.
 */
import type { GraphBuilder } from '../../plan/graph-builder.ts';
import type { GraphNode, UserFunction } from '../../plan/graph.ts';
import { badOption, type Caller, checkBoolean, checkFunction, checkOptions } from '../arguments.ts';
import { type Duration, durationMs } from '../duration.ts';
import { BadKey } from '../keys/canonical.ts';
import { KeyTable } from '../keys/key-table.ts';
import { type Partitioner, partitionsOf } from '../partitioner.ts';
import { checkTables } from './disk/tables.ts';
import type { StateSetup } from './initial-state.ts';
import { type MigrationOptions, migrationParts } from './migration.ts';

/** Where an operator is put. */
export interface StateSite {
  readonly builder: GraphBuilder;
  /** The stream's node. */
  readonly parent: number;
  readonly caller: Caller;
}

/** Of operators with state by key. */
export interface KeyedStateOptions<K, S> extends MigrationOptions<K> {
  /** States that are there from the beginning, each key once: `[[key, state], …]`. @default none */
  readonly initialState?: readonly (readonly [K, S])[];
  /**
   * How long a key may go without records (and, in `mapWithState`, without a call) before it is dropped without a word.
   * @default for ever
   */
  readonly ttl?: Duration;
  /**
   * Where states are: on the heap of their worker, or in files, of which it has as many in memory as the system sees fit;
   * that is for more keys than fit on the heap, and needs lmdb. @default `stateStore` of the run
   */
  readonly stateStore?: StateStore;
  /** @default that of the partitioner, else the parallelism of the run */
  readonly numPartitions?: number;
  /** Who says where keys lie. @default their hash */
  readonly partitioner?: Partitioner<K>;
}

/** Of `updateStateByKey`. */
export interface UpdateStateOptions<K, S> extends KeyedStateOptions<K, S> {
  /**
   * The function never changes a state in place: the same object given back means that nothing has changed. Else each
   * object given back is taken for changed, unless it is frozen, and is copied and stored again. @default false
   */
  readonly immutable?: boolean;
}

/** Of `mapWithState`. */
export interface MapWithStateOptions<K, S> extends KeyedStateOptions<K, S> {
  /**
   * How long a key may go without a call. The first batch by which it has been idle for longer calls the function a last
   * time, without a value, and then drops the key. @default for ever
   */
  readonly timeout?: Duration;
}

const COMMON: readonly string[] = [
  'initialState',
  'ttl',
  'numPartitions',
  'partitioner',
  'stateStore',
  'version',
  'migrate',
];

export function addUpdateStateByKey(site: StateSite, f: unknown, options: unknown = {}): number {
  const { caller } = site;
  checkFunction(caller, 'f', f);
  const given = read(caller, options, [...COMMON, 'iterator', 'immutable']);
  for (const name of ['iterator', 'immutable'])
    if (given[name] !== undefined) checkBoolean(caller, name, given[name]);
  const iterator = given['iterator'] === true ? true : undefined;
  return add(site, 'updateStateByKey', f, given, {
    iterator,
    immutable: given['immutable'] === true ? true : undefined,
    // Its function may give other keys.
    keepsKeys: iterator === true ? false : undefined,
  });
}

export function addMapWithState(site: StateSite, f: unknown, options: unknown = {}): number {
  const { caller } = site;
  checkFunction(caller, 'f', f);
  const given = read(caller, options, [...COMMON, 'timeout']);
  const timeoutMs = optionalMs(caller, 'timeout', given);
  if (timeoutMs !== undefined && given['ttl'] !== undefined)
    throw badOption(caller, 'ttl', 'left out when there is a timeout', given['ttl']);
  return add(site, 'mapWithState', f, given, { timeoutMs, keepsKeys: false });
}

export function addStateSnapshots({ builder, parent, caller }: StateSite): number {
  return builder.add({ ...caller, kind: 'stateSnapshots', role: 'narrow', parents: [parent] });
}

function add(
  { builder, parent, caller }: StateSite,
  kind: GraphNode['kind'],
  f: unknown,
  given: Given,
  params: GraphNode['params'],
): number {
  const { numPartitions, partitioner, initialState } = given;
  if (partitioner !== undefined && (typeof partitioner !== 'object' || partitioner === null))
    throw badOption(
      caller,
      'partitioner',
      'of the form { numPartitions, partition(key) }',
      partitioner,
    );
  const partitions = partitionsOf(caller, partitioner ?? numPartitions);
  if (
    partitioner !== undefined &&
    (numPartitions ?? partitions.params.numPartitions) !== partitions.params.numPartitions
  )
    throw badOption(caller, 'numPartitions', 'that of the partitioner, or left out', numPartitions);
  const ttlMs = optionalMs(caller, 'ttl', given);
  const migration = migrationParts(caller, given);
  const setup: StateSetup =
    initialState === undefined ? {} : { initialState: checkedState(caller, initialState) };
  return builder.add({
    ...caller,
    kind,
    role: 'wide',
    parents: [parent],
    exchange: ['key'],
    functions: { f: f as UserFunction, ...partitions.functions, ...migration.functions },
    params: {
      ...params,
      ...partitions.params,
      ttlMs,
      initialKeys: setup.initialState?.length,
      stateStore: storeOf(caller, given),
      version: migration.version,
    },
    live: setup,
  });
}

/** Where state lies. */
export type StateStore = 'memory' | 'disk';

function storeOf(caller: Caller, given: Given): StateStore | undefined {
  const store = given['stateStore'];
  if (store === undefined || store === 'memory') return store;
  if (store !== 'disk') throw badOption(caller, 'stateStore', "'memory' or 'disk'", store);
  if (given['iterator'] === true)
    throw badOption(
      caller,
      'stateStore',
      "'memory' with iterator, whose function gets all states at once",
      store,
    );
  checkTables();
  return store;
}

type Given = Readonly<Record<string, unknown>>;

/** A number stands for `numPartitions`, as in Spark. */
function read(caller: Caller, options: unknown, known: readonly string[]): Given {
  if (typeof options === 'number') return { numPartitions: options };
  checkOptions(caller, options, known);
  return options as Given;
}

function optionalMs(caller: Caller, name: string, given: Given): number | undefined {
  const value = given[name];
  return value === undefined
    ? undefined
    : durationMs(value, `${caller.operator}: ${name}`, 1, caller.callSite);
}

function checkedState(caller: Caller, given: unknown): NonNullable<StateSetup['initialState']> {
  if (!Array.isArray(given))
    throw badOption(caller, 'initialState', 'an array of [key, state] pairs', given);
  const table = new KeyTable<number>();
  given.forEach((pair: unknown, i) => {
    const name = `initialState[${i}]`;
    if (!Array.isArray(pair) || pair.length !== 2 || pair[1] === undefined)
      throw badOption(caller, name, 'a pair of key and state', pair);
    const [key] = pair as [unknown, unknown];
    try {
      const before = table.get(key);
      if (before !== undefined)
        throw badOption(caller, name, `another key than initialState[${before}]`, key);
      table.add(key, i);
    } catch (error) {
      if (!(error instanceof BadKey)) throw error;
      throw badOption(caller, `the key of ${name}`, `one that has a value (${error.message})`, key);
    }
  });
  return given as NonNullable<StateSetup['initialState']>;
}
