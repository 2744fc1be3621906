/** What leaves a job. Of DStream; used by the thread that builds a job. */
import type { UserFunction } from '../../plan/graph.ts';
import { sinkParams, type SinkSpec } from '../../plan/sink.ts';
import { badOption, checkFunction, checkInteger, checkText } from '../arguments.ts';
import type { Batch } from '../batch.ts';
import { TimeOperators } from './time-operators.ts';

/** And where its batches go. */
export abstract class OutputOperators<T> extends TimeOperators<T> {
  // ── Outputs ───────────────────────────────────────────────────────────────────────────────────
  // A job's outputs run one after another, in the order in which they were made, batch by batch. A missing batch runs
  // none; an empty one does.

  /**
   * Writes the batch's time and up to `n` records as Spark does, and `...` if there are more. An empty batch writes the
   * time.
   */
  print(n = 10): void {
    const caller = this.caller('print');
    checkInteger(caller, 'n', n, 0);
    this.output(caller, 'print', {}, { n });
  }

  /**
   * Calls `f` with each batch, its time in ms and its number, and waits for its promise. The batch is gathered in one task.
   * After a failure a batch may be given again, with the same records, time and number: let it replace what has them.
   * With a checkpoint directory numbers ascend over all runs.
   */
  foreachBatch(f: (batch: Batch<T>, time: number, id: number) => void | Promise<void>): void {
    this.#foreachBatch('foreachBatch', f);
  }

  /** Spark's name of {@link foreachBatch}; the arguments are in the same order. */
  foreachRDD(f: (batch: Batch<T>, time: number, id: number) => void | Promise<void>): void {
    this.#foreachBatch('foreachRDD', f);
  }

  /** Gives the batches to the embedding program, as `run.results(name)`. The name is one of a kind in its job. */
  collectAs(name: string): void {
    const caller = this.caller('collectAs');
    checkText(caller, 'name', name);
    for (const node of this.builder.graph().nodes) {
      if (node.kind !== 'collectAs' || node.params['name'] !== name) continue;
      throw badOption(
        caller,
        'name',
        `another than that of the stream collected at ${node.callSite}`,
        name,
      );
    }
    this.output(caller, 'collectAs', {}, { name });
  }

  /**
   * Writes each batch into a directory of its own, `prefix-<time in ms>[.suffix]`: a file a partition (`part-00000` and so
   * on, empty ones too) with a line a record as `print` shows it, and an empty `_SUCCESS`. It appears when it is
   * complete. A batch that runs again replaces what it wrote, so each record is there once. The batch is gathered in one
   * task.
   */
  saveAsTextFiles(prefix: string, suffix = ''): void {
    this.#saved('saveAsTextFiles', prefix, suffix);
  }

  /** As `saveAsTextFiles`; a file holds its records as msgpack values, one after another. */
  saveAsObjectFiles(prefix: string, suffix = ''): void {
    this.#saved('saveAsObjectFiles', prefix, suffix);
  }

  /**
   * Gives each batch to a sink: `files(directory)`, `transactional(open)`, `idempotent({ write })`, `forEach(f)`,
   * `print()`, or one of your own. One instance, in the task of the outputs. What a sink promises in a topology it
   * promises here: the files of `files` hold each record once.
   */
  to(sink: SinkSpec<T>): void {
    const caller = this.caller('to');
    if (typeof sink !== 'object' || sink === null || typeof sink.make !== 'function')
      throw badOption(caller, 'sink', 'what files(), forEach() or print() give', sink);
    if (sink.kind === 'collect')
      throw badOption(caller, 'sink', 'another than collect(); use collectAs(name)', sink);
    this.output(caller, 'to', { make: sink.make }, { ...sinkParams(sink), sink: sink.kind });
  }

  #saved(operator: 'saveAsTextFiles' | 'saveAsObjectFiles', prefix: string, suffix: string): void {
    const caller = this.caller(operator);
    if (typeof prefix !== 'string') throw badOption(caller, 'prefix', 'text', prefix);
    if (typeof suffix !== 'string') throw badOption(caller, 'suffix', 'text', suffix);
    this.output(caller, operator, {}, { prefix, suffix });
  }

  #foreachBatch(operator: string, f: unknown): void {
    const caller = this.caller(operator);
    checkFunction(caller, 'f', f);
    this.output(caller, 'foreachBatch', { f: f as UserFunction }, {});
  }
}
