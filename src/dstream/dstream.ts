/**
 * A DStream: batches of records, one after another, and the operators on them.
 *
 * A value of this class is a node of a graph that is being built. It holds no data: each operator adds a node and
 * gives the stream behind it. Built on any thread, in the builder of a job, before the start.
 *
 * The operators are in `stream/`, a file for each kind; `stream/core.ts` says how they hang together. Here is what is said
 * of the stream itself.
 *
 * Words used of operators. A stream's batch has partitions. "By partition": the operator works on each where it lies and keeps
 * the order of records in it. "Exchange": records go from every partition to every other, by key or in turn. A batch is
 * *empty* when it has no records, and *missing* when a source had none at all for that time: then most operators
 * give none either, and those that need one ("fails on a missing batch") fail that batch.
 *
 * All operators throw ERR_MILLRACE_GRAPH_FROZEN after the start and ERR_MILLRACE_BAD_OPTION for an argument of the wrong
 * kind, and name themselves and their call site. `numPartitions` is a whole number of at least 1; left out, it is the
 * parallelism of the run (its number of workers). Where keys are exchanged it may be a `Partitioner` instead.
 */
import { defaultOutput, type StageStream } from '../plan/stage-stream.ts';
import { badOption, checkText } from './arguments.ts';
import type { Batch } from './batch.ts';
import { callSiteText } from './call-site.ts';
import { type Duration, durationMs } from './duration.ts';
import { rememberStream } from './remember.ts';
import { readSlice } from './run/slices.ts';
import { addStateSnapshots } from './state/build.ts';
import { OutputOperators } from './stream/output-operators.ts';

/** A stream of batches of `T`. Made by a context's sources and by operators. */
export class DStream<T> extends OutputOperators<T> {
  #level: string | undefined = undefined;

  // ── The stream itself ─────────────────────────────────────────────────────────────────────────

  /**
   * Gives the operator that made this stream a name of its own, in place of `map#3`: in errors, plans and for what is
   * stored for it. A name has no `#` and is one of a kind in its job.
   */
  named(id: string): this {
    this.builder.rename(this.id, id, callSiteText());
    return this;
  }

  /**
   * Keeps the stream's batches for so long, so that `slice` may reach back. They come together in the task of the
   * outputs, as for an output; each is bounded by `maxGatherBytes`. Called again, the longest duration holds.
   * @throws ERR_MILLRACE_BAD_DURATION
   */
  remember(duration: Duration): this {
    const caller = this.caller('remember');
    const ms = durationMs(duration, 'remember', 1, caller.callSite);
    rememberStream(this.builder, this.id, ms, caller);
    return this;
  }

  /**
   * The stream's batches with times from `from` to `to` in ms, both inclusive, floored to the times at which the stream
   * has batches. Missing batches are left out, and so are those that have not been yet. To be called where outputs run:
   * inside a function given to `foreachBatch`, or anywhere in the thread of a run with `threads: 0`.
   *
   * The batch at hand is there if the stream has an output of its own. For earlier ones call {@link remember}; a
   * stream with a `foreachBatch` and a `window` over it is remembered for as long as the window is.
   * @throws rejects with ERR_MILLRACE_NOT_STARTED before the start and elsewhere, ERR_MILLRACE_NOT_REMEMBERED for
   *   batches that are let go, ERR_MILLRACE_BAD_OPTION
   */
  async slice(from: number, to: number): Promise<Batch<T>[]> {
    const caller = { operator: 'slice', callSite: callSiteText() };
    for (const [option, time] of [
      ['from', from],
      ['to', to],
    ] as const)
      if (typeof time !== 'number' || !Number.isFinite(time))
        throw badOption(caller, option, 'a time in ms', time);
    return readSlice(caller, this.builder.graph().nodes[this.id]!, from, to) as Batch<T>[];
  }

  /**
   * For programs written for Spark: nothing is computed twice here, so there is nothing to keep. A level is noted and
   * may not be changed.
   */
  persist(level = 'MEMORY_ONLY_SER'): this {
    const caller = this.caller('persist');
    checkText(caller, 'level', level);
    if (this.#level !== undefined && this.#level !== level)
      throw badOption(caller, 'level', `${this.#level}, as it was set to before`, level);
    this.#level = level;
    return this;
  }

  /** {@link persist}. */
  cache(): this {
    this.caller('cache');
    return this.persist();
  }

  /**
   * For programs written for Spark: state is written bit by bit at each recovery point, so there is no interval to be
   * chosen. It must be a multiple of the stream's slide.
   * @throws ERR_MILLRACE_BAD_DURATION; at the start, ERR_MILLRACE_WINDOW_MULTIPLE
   */
  checkpoint(interval: Duration): this {
    const caller = this.caller('checkpoint');
    const checkpointMs = durationMs(interval, 'checkpoint', 1, caller.callSite);
    this.builder.amend(this.id, { checkpointMs });
    return this;
  }

  /**
   * Gives the stream to a topology in the same graph: its records reach the stages that read it as they come, not at the
   * end of a batch.
   */
  toTopology(): StageStream<T> {
    const caller = this.caller('toTopology');
    const node = this.add({ ...caller, operator: 'toTopology' }, 'union', 'narrow', {}, {});
    return defaultOutput({ node }, callSiteText);
  }

  /** @internal */
  protected override make<U>(id: number): DStream<U> {
    return new DStream<U>(this.builder, id);
  }

  /** @internal */
  protected override makeWithState<K, S, U>(id: number): MapWithStateStream<K, S, U> {
    return new MapWithStateStream(this.builder, id);
  }
}

/** What `mapWithState` gives: its results, and beside them all that it keeps. */
export class MapWithStateStream<K, S, U> extends DStream<U> {
  /** Gives each key with its state, at every batch. By partition. */
  stateSnapshots(): DStream<[K, S]> {
    return this.make(addStateSnapshots(this.site('stateSnapshots')));
  }
}
