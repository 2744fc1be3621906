/**
 * The last batches of streams that are remembered, for `slice`. Part of the task of the outputs, on its thread.
 *
 * A remembered stream has an output of kind `remember`: its records arrive as those of other outputs do, and are kept
 * as records. They are state: a recovery has them again.
 *
 * I1  Behind the batch at t, those at t - `rememberMs` and before are let go. So during a batch those from t - `rememberMs`
 *     on are there.
 * I2  A missing batch is not there; an empty one is.
 */
import type { Barrier, Block } from '../../actors/block.ts';
import { millraceError } from '../../errors.ts';
import type { Graph, GraphNode } from '../../plan/graph.ts';
import type { OutputPort } from '../../plan/planned.ts';
import { stateName } from '../../plan/stateful.ts';
import type { Caller } from '../arguments.ts';
import { Batch } from '../batch.ts';
import { arrayPartition } from '../batch/sources.ts';
import type { BatchHome } from '../batch/plan.ts';
import type { StateCell } from '../state/cell.ts';
import { RowPanes } from '../windows/row-panes.ts';
import { missingBatch } from './blame.ts';
import { nodeAt } from './chain.ts';
import { approximateBytes, GatheredPartition } from './gathered.ts';
import { tooLarge } from './gathering.ts';

export interface RememberedOptions {
  readonly graph: Graph;
  readonly outputs: readonly number[];
  readonly ports: readonly OutputPort[];
  /** By node id, in ms. */
  readonly slides: readonly number[];
  readonly home: BatchHome;
}

interface Stream {
  readonly output: GraphNode;
  readonly keepMs: number;
  readonly slideMs: number;
  /** By partition; a pane is a batch. */
  readonly ports: readonly number[];
  readonly partitions: readonly RowPanes[];
  /** Times of the batches that were there. */
  readonly times: RowPanes;
  /** Of the open batch. */
  bytes: number;
}

interface SliceRange {
  readonly from: number;
  readonly to: number;
  readonly slideMs: number;
}

/** A time for which a stream has a batch, and the number of its pane. */
interface Slot {
  readonly time: number;
  readonly pane: number;
}

export class Remembered {
  readonly cells: Readonly<Record<string, StateCell>>;
  readonly #options: RememberedOptions;
  /** By node id of the stream. */
  readonly #streams: ReadonlyMap<number, Stream>;
  readonly #byPort: ReadonlyMap<number, { readonly stream: Stream; readonly panes: RowPanes }>;
  #zeroTime = 0;
  /** Of the newest batch. */
  #time = Number.NEGATIVE_INFINITY;

  constructor(options: RememberedOptions) {
    const { graph, outputs, ports, slides } = options;
    this.#options = options;
    const streams = new Map<number, Stream>();
    const byPort = new Map<number, { readonly stream: Stream; readonly panes: RowPanes }>();
    const cells: Record<string, StateCell> = {};
    for (const id of outputs) {
      const output = nodeAt(graph, id);
      if (output.kind !== 'remember') continue;
      const own = ports
        .flatMap(({ output: of, partition }, port) => (of === id ? [{ port, partition }] : []))
        .sort((a, b) => a.partition - b.partition);
      const stream: Stream = {
        output,
        keepMs: output.params['rememberMs'] as number,
        slideMs: slides[id]!,
        ports: own.map(({ port }) => port),
        partitions: own.map(() => new RowPanes()),
        times: new RowPanes(),
        bytes: 0,
      };
      streams.set(output.parents[0]!, stream);
      cells[`${stateName(output.uid, 0)}/times`] = stream.times;
      stream.partitions.forEach((panes, partition) => {
        byPort.set(stream.ports[partition]!, { stream, panes });
        cells[`${stateName(output.uid, partition)}/panes`] = panes;
      });
    }
    this.#streams = streams;
    this.#byPort = byPort;
    this.cells = cells;
  }

  /** Whether the block was of a remembered stream. */
  take(block: Block): boolean {
    const at = this.#byPort.get(block.port);
    if (at === undefined) return false;
    const { stream, panes } = at;
    stream.bytes += approximateBytes(block);
    if (stream.bytes > this.#options.home.maxGatherBytes)
      throw tooLarge(stream.output, this.#options.home.maxGatherBytes);
    panes.take(new GatheredPartition([block]).rows());
    return true;
  }

  /** The batch is there, as a whole. */
  endBatch({ time, zeroTime, givenUp }: Barrier, missing: ReadonlySet<number>): void {
    this.#time = time;
    this.#zeroTime = zeroTime;
    for (const stream of this.#streams.values()) {
      const { output, ports, partitions, times, slideMs } = stream;
      stream.bytes = 0;
      const absent = ports.filter((port) => missing.has(port)).length;
      if (absent > 0 && absent < ports.length && givenUp !== true) throw missingBatch(output, time);
      const pane = Math.ceil((time - zeroTime) / slideMs);
      if (absent === 0) times.take([time]);
      for (const panes of [times, ...partitions]) {
        if (absent > 0) panes.drop();
        else panes.endBatch(pane);
      }
    }
  }

  /** The outputs of the newest batch have run. */
  letGo(): void {
    for (const { times, partitions, keepMs, slideMs } of this.#streams.values()) {
      const last = Math.floor((this.#time - keepMs - this.#zeroTime) / slideMs);
      for (const panes of [times, ...partitions]) panes.evict(last);
    }
  }

  discard(): void {
    for (const stream of this.#streams.values()) {
      stream.bytes = 0;
      for (const panes of [stream.times, ...stream.partitions]) panes.drop();
    }
  }

  /**
   * The batches from `from` to `to`, both floored to the slide.
   * @param atHand the batch whose outputs run (none where it is missing), if an output of the stream has it
   */
  slice(
    caller: Caller,
    node: GraphNode,
    { from, to, slideMs }: SliceRange,
    atHand: () => Batch<unknown>[] | undefined,
  ): Batch<unknown>[] {
    const stream = this.#streams.get(node.id);
    const floor = (time: number): number =>
      this.#zeroTime + Math.floor((time - this.#zeroTime) / slideMs) * slideMs;
    const first = Math.max(floor(from), this.#zeroTime + slideMs);
    const last = Math.min(floor(to), floor(this.#time));
    const kept = this.#time - (stream?.keepMs ?? 0);
    if (first < kept && first <= last) throw this.#forgotten(caller, node, first, stream);
    if (stream === undefined) {
      const batches = first > last ? [] : atHand();
      if (batches === undefined) throw this.#forgotten(caller, node, first, stream);
      return batches;
    }
    const batches: Batch<unknown>[] = [];
    for (let time = first; time <= last; time += slideMs) {
      const batch = this.#batchAt(stream, {
        time,
        pane: Math.round((time - this.#zeroTime) / slideMs),
      });
      if (batch !== undefined) batches.push(batch);
    }
    return batches;
  }

  #batchAt({ times, partitions }: Stream, { time, pane }: Slot): Batch<unknown> | undefined {
    if (times.between(pane - 1, pane).length === 0) return undefined;
    return new Batch<unknown>(
      time,
      partitions.map((panes) => arrayPartition(panes.between(pane - 1, pane))),
      this.#options.home,
    );
  }

  #forgotten(caller: Caller, node: GraphNode, time: number, stream: Stream | undefined): Error {
    const reach =
      stream === undefined
        ? 'the stream is not remembered, and only the batch at hand of a stream with an output of its own is there without that'
        : `the stream is remembered for ${stream.keepMs} ms`;
    return millraceError(
      'ERR_MILLRACE_NOT_REMEMBERED',
      `slice at ${caller.callSite}: the batch of ${node.uid} (${node.callSite}) at ${time} ms is not there: ${reach}. ` +
        'Call remember(duration) on the stream, for as long as slice is to reach back',
      { context: { operator: 'slice', callSite: caller.callSite, stream: node.uid, time } },
    );
  }
}
