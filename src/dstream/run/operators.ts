/**
 * Which kinds of nodes are operators that work a batch at a time (`batch-operator.ts`), and what makes them.
 *
 * A narrow one lives in the tree of a task; a wide one (`GraphNode.exchange`) is the root of one, or lives in its
 * parent's tree where that lies by key already. Used on the thread of the task, at each start and recovery.
 */
import type { Env } from '../../env/env.ts';
import type { GraphNode } from '../../plan/graph.ts';
import type { BatchOperator } from './batch-operator.ts';
import { createEventWindow, createIntervalJoin, createTimestamps } from '../event-time/create.ts';
import { createBroadcastJoin, createDedupe, createWithBroadcast } from '../lookup/create.ts';
import type { StateStore } from '../state/build.ts';
import { DiskMapWithState, DiskUpdateState } from '../state/disk/disk-operators.ts';
import { MapWithStateOperator } from '../state/map-with-state.ts';
import { StateSnapshotsOperator } from '../state/state-snapshots.ts';
import { UpdateStateOperator } from '../state/update-state.ts';
import { createGroupWindow, createReduceWindow, createRowsWindow } from '../windows/create.ts';
import { CogroupOperator, JoinOperator } from '../joins/join-operator.ts';
import { GlomOperator, MapPartitionsOperator, PartitionByOperator } from './partition-operators.ts';

/** Where an operator works. */
export interface OperatorScene {
  readonly node: GraphNode;
  readonly partition: number;
  /** Partitions of the operator's stream. */
  readonly partitions: number;
  /** How often the operator has a batch, in ms. */
  readonly slideMs: number;
  /** How often its parents have one. */
  readonly parentSlideMs: number;
  /** The operator of another node in the same task. Asked at the end of a batch, when all of them are there. */
  readonly neighbour: (node: number) => BatchOperator;
  /** Throws the coded error of what a function of the user threw, with the record that it had in hand. */
  readonly blame: (error: unknown, record?: { readonly value: unknown }) => never;
  /** Takes a record out of the stream, as a dead letter. */
  readonly passOver: (error: unknown, record: unknown) => void;
  /** What `onRecordError` says: throws the error of a record, or passes it over. */
  readonly refuse: (error: unknown, record: unknown) => void;
  readonly store?: StorePlace;
  /** Counts what the embedding process can read as `metrics().counted`. */
  readonly count: (what: string, count: number) => void;
}

/** Where state lies, and files of it. */
export interface StorePlace {
  /** Of operators that have no say of their own. @default 'memory' */
  readonly stateStore?: StateStore | undefined;
  /** Where an operator may have files of its own, and what tells those of this life of the task from others. */
  readonly stateDirectory?: string | undefined;
  readonly life?: string | undefined;
  readonly env?: Env | undefined;
}

interface OperatorKind {
  /** How its records reach it (`BatchOperator.takes`). */
  readonly takes: BatchOperator['takes'];
  readonly create: (scene: OperatorScene) => BatchOperator;
}

const KINDS: Readonly<Record<string, OperatorKind>> = {
  mapPartitions: { takes: 'rows', create: (scene) => new MapPartitionsOperator(scene) },
  mapPartitionsWithIndex: { takes: 'rows', create: (scene) => new MapPartitionsOperator(scene) },
  updateStateByKey: {
    takes: 'pairs',
    create: (scene) =>
      isOnDisk(scene) ? new DiskUpdateState(scene) : new UpdateStateOperator(scene),
  },
  mapWithState: {
    takes: 'pairs',
    create: (scene) =>
      isOnDisk(scene) ? new DiskMapWithState(scene) : new MapWithStateOperator(scene),
  },
  stateSnapshots: { takes: 'rows', create: (scene) => new StateSnapshotsOperator(scene) },
  withTimestamps: { takes: 'rows', create: createTimestamps },
  eventWindow: { takes: 'pairs', create: createEventWindow },
  intervalJoin: { takes: 'pairs', create: createIntervalJoin },
  dedupe: { takes: 'pairs', create: createDedupe },
  broadcastJoin: { takes: 'pairs', create: createBroadcastJoin },
  withBroadcast: { takes: 'rows', create: createWithBroadcast },
  partitionBy: { takes: 'pairs', create: (scene) => new PartitionByOperator(scene) },
  cogroup: { takes: 'pairs', create: (scene) => new CogroupOperator(scene) },
  join: { takes: 'pairs', create: (scene) => new JoinOperator(scene) },
  glom: { takes: 'rows', create: () => new GlomOperator() },
  window: { takes: 'rows', create: createRowsWindow },
  windowReduce: { takes: 'rows', create: createReduceWindow },
  windowReduceByKey: { takes: 'pairs', create: createReduceWindow },
  windowGroupByKey: { takes: 'pairs', create: createGroupWindow },
};

function isOnDisk({ node: { params }, store }: OperatorScene): boolean {
  // A function that gets all states at once has them in memory anyway.
  if (params['iterator'] === true) return false;
  return (params['stateStore'] ?? store?.stateStore) === 'disk';
}

/** Undefined for a node that is no such operator. */
export function operatorTakes(node: GraphNode): BatchOperator['takes'] | undefined {
  return KINDS[node.kind]?.takes;
}

/** Undefined for a node that is no such operator. */
export function createOperator(scene: OperatorScene): BatchOperator | undefined {
  return KINDS[scene.node.kind]?.create(scene);
}
