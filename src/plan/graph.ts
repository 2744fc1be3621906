/**
 * The logical graph: what the user wrote, operator by operator, apart from how it runs. Built by `src/dstream` (and
 * later `src/topology`), read by the planner. Every thread builds the same graph from the job module, so an operator
 * is addressed by its place in `nodes`; functions never cross threads.
 *
 * What a node of each kind carries (`?` may be missing; a reducer is `sum` or `count`, see `dstream/reducers.ts`):
 *
 *   kind            functions                                params                                  live
 *   socket          hello?                                   host port maxLineBytes onLongLine encoding maxRate? …
 *   socketStream    decode                                   host port maxRate?
 *   queue                                                    oneAtATime                              { queue, default? }
 *   files           filter?                                  directory format newFilesOnly … (`file-options.ts`)
 *   input                                                    name maxRate?
 *   records         read                                     rate? maxRate? isSupervised? isResumable?
 *                                                                                                    { items }?
 *   receiver        make                                     maxRate? restartDelayMs? maxBuffered?
 *   stage sink      make key0 key1 … migrate1? …             parallelism inputs outputs fuse version? …
 *   acker                                                    timeoutMs
 *   fromStage                                                output
 *   map flatMap filter mapValues flatMapValues peek mapPartitions mapPartitionsWithIndex
 *                   f                                        keepsKeys?                                        onRecordError?
 *   words trim toLowerCase glom union
 *   split fields                                             separator
 *   parseJson                                                onRecordError?
 *   parseCsv                                                 separator header? onRecordError?
 *   grep                                                     needle, or source and flags (of a RegExp)
 *   window                                                   windowMs slideMs?
 *   windowReduce    f inverse?                               windowMs slideMs? operator
 *   windowReduceByKey
 *                   f inverse? filter?                       windowMs slideMs? operator keeps?
 *   windowGroupByKey                                         windowMs slideMs? operator
 *   combineByKey    create mergeValue mergeCombiners         operator mapSideCombine numPartitions? reducer?
 *   countByValue groupByKey                                  numPartitions?
 *   repartition                                              numPartitions
 *   partitionBy     partition?                               numPartitions?
 *   cogroup         partition?                               numPartitions?
 *   join            partition?                               operator left right numPartitions?
 *   updateStateByKey
 *                   f partition? migrate1? …                 iterator? immutable? ttlMs? initialKeys? keepsKeys? numPartitions? stateStore? version?
 *                                                                                                            { initialState? }
 *   mapWithState    f partition? migrate1? …                 timeoutMs? ttlMs? initialKeys? keepsKeys numPartitions? stateStore? version?
 *                                                                                                            { initialState? }
 *   stateSnapshots
 *   mapAsync        f                                        concurrency ordered timeoutMs? onRecordError?
 *   withTimestamps  f                                        maxOutOfOrdernessMs idleAfterMs? maxAheadMs? onAhead onRecordError?
 *   eventWindow     create mergeValue mergeCombiners         window latenessMs early isKeyed lists givesLate numPartitions?
 *   intervalJoin                                             lowerMs upperMs numPartitions?
 *   dedupe                                                   withinMs isTimed numPartitions?
 *   broadcastJoin                                            outer onRecordError?
 *   withBroadcast   f                                        onRecordError?
 *   reduce          f                                        reducer?
 *   count
 *   transform       f                                        operator numPartitions: 1
 *   transformed                                              operator
 *   print                                                    n
 *   foreachBatch    f
 *   collectAs                                                name
 *   remember                                                 rememberMs
 *   saveAsTextFiles saveAsObjectFiles                        prefix suffix
 *   to              make                                     sink …
 *
 * `combineByKey` with `operator: 'reduceByKey'` is the user's reduceByKey(f): `create` gives its argument, the other
 * two are f. `transform` runs f in one task, and the partitions of its result belong to the `transformed` behind it, as many
 * as the parents of the former have. `inputs` of a stage has an entry for each parent: which output of it, and how its records are dealt out
 * (`keyN` is the key function of entry N). A flag `g` is never among `flags`, nor is `y`: a pattern has no position between records.
 */

/** A user function. The operator that holds it knows its real type. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type UserFunction = (...args: any[]) => any;

export type SourceKind =
  | 'socket'
  | 'socketStream'
  | 'queue'
  | 'files'
  | 'input'
  | 'records'
  | 'receiver';

/** Operators that work on one partition of their parent at a time, record by record or at its end. */
export type NarrowKind =
  | 'map'
  | 'flatMap'
  | 'filter'
  | 'mapValues'
  | 'flatMapValues'
  | 'words'
  | 'split'
  | 'grep'
  | 'trim'
  | 'toLowerCase'
  | 'fields'
  | 'parseJson'
  | 'parseCsv'
  | 'mapPartitions'
  | 'mapPartitionsWithIndex'
  | 'glom'
  | 'peek'
  | 'window'
  | 'windowReduce'
  | 'windowReduceByKey'
  | 'windowGroupByKey'
  | 'stateSnapshots'
  | 'withTimestamps'
  | 'mapAsync'
  | 'union'
  | 'fromStage';

/** Operators that exchange records between partitions. */
export type WideKind =
  | 'combineByKey'
  | 'countByValue'
  | 'groupByKey'
  | 'repartition'
  | 'reduce'
  | 'count'
  | 'transform'
  | 'transformed'
  | 'partitionBy'
  | 'cogroup'
  | 'updateStateByKey'
  | 'mapWithState'
  | 'eventWindow'
  | 'intervalJoin'
  | 'dedupe'
  | 'broadcastJoin'
  | 'withBroadcast'
  | 'join';

/** Of topologies: what works record by record, and sends at once. */
export type StageKind = 'stage' | 'sink' | 'acker';

/** `remember` gives nothing out: it keeps batches for `slice`. */
export type OutputKind =
  | 'print'
  | 'foreachBatch'
  | 'remember'
  | 'collectAs'
  | 'saveAsTextFiles'
  | 'saveAsObjectFiles'
  | 'to';

export interface GraphNode {
  /** Its index in `Graph.nodes`; parents come before children. */
  readonly id: number;
  /** Stable name for state: what `named(id)` said, else `operator#n` by place, in the user's word (`reduceByKey#1`). */
  readonly uid: string;
  readonly kind: SourceKind | NarrowKind | WideKind | StageKind | OutputKind;
  readonly role: 'source' | 'narrow' | 'wide' | 'stage' | 'sink' | 'acker' | 'output';
  readonly parents: readonly number[];
  /** `file:line:column` of the user's call. */
  readonly callSite: string;
  /**
   * Of a wide operator that works on partitions as a whole (`BatchOperator`): how the records of each parent reach it.
   * Such an operator may have several parents; one may be there twice.
   */
  readonly exchange?: readonly Exchange[];
  /** The user's functions by name (`f`, `create`, `mergeValue`, `mergeCombiners` …). */
  readonly functions: Readonly<Record<string, UserFunction>>;
  /** Everything else, compared between threads (host, port, separator, numPartitions, n …); plain data. */
  readonly params: Readonly<Record<string, unknown>>;
  /** What only the thread that built the graph can use: a queue's array. Not compared. */
  readonly live?: unknown;
}

/**
 * How a parent's records reach the partitions of a wide operator. `key`: to the partition of their key; nothing moves
 * where they lie like that already. `same`: partition p to partition p. `all`: every record to every partition.
 */
export type Exchange = 'key' | 'same' | 'all';

/** How the records of one output are dealt out to the instances of a stage. */
export type Grouping = 'shuffle' | 'byKey' | 'all' | 'global' | 'local' | 'direct';

/** An entry of a stage's `inputs`; its parent is the one of the same place. */
export interface StageInput {
  readonly output: string;
  readonly grouping: Grouping;
}

/** The output of a stage that has no other name. */
export const DEFAULT_OUTPUT = 'default';

export function stageInputs(node: GraphNode): readonly StageInput[] {
  return (node.params['inputs'] ?? []) as readonly StageInput[];
}

export interface Graph {
  readonly nodes: readonly GraphNode[];
}
