/**
 * One life of one instance of a sink (`plan/sink.ts`): opens it, gives it records, has it prepare at recovery points, and
 * commits what counts. Belongs to the body of one task; in a topology and at the end of a stream it is the same.
 *
 * I1  Whatever the sink throws is blamed on it, with its place in the job.
 * I2  Its own promises are bounded by `asyncTimeoutMs`; waiting for a disk is not.
 * I3  `endBarrier` is over before the hand-over is made, so that has all that was prepared.
 */
import type { Barrier } from '../../actors/block.ts';
import type { Publication, TaskOutput } from '../../actors/task.ts';
import type { Env } from '../../env/env.ts';
import { MillraceError, millraceError } from '../../errors.ts';
import type { GraphNode } from '../../plan/graph.ts';
import type { Sink, SinkContext, SinkPart } from '../../plan/sink.ts';
import { blamed } from './blame.ts';
import { Outbox } from './outbox.ts';
import { Patience } from './patience.ts';
import { SinkCommits } from './sink-commits.ts';
import type { WithinTime } from './user-promise.ts';

/** What makes a life of a sink unlike others. */
export interface LifeOptions {
  readonly env: Env;
  /** Unlike that of any other life of the task in the process, and in others on the same checkpoint directory. */
  readonly life: string;
  /** Of the checkpoint directory, or of the run. */
  readonly lineage: string;
  /** Number of the barrier behind which the process began; undefined without a checkpoint directory. */
  readonly start: number | undefined;
}

export interface SinkLifeOptions extends LifeOptions {
  readonly node: GraphNode;
  readonly instance: number;
  readonly parallelism: number;
  readonly out: TaskOutput;
  readonly within: WithinTime;
  /** The embedding process has enough for now. */
  readonly wait: (promise: Promise<void>) => void;
}

const MAX_PENDING_BYTES = 64 * 1024 * 1024;
const RETRY_FOR_MS = 60_000;

export class SinkLife {
  /** Of the state of its task; undefined when it keeps nothing. */
  readonly outbox: Outbox | undefined;
  readonly #options: SinkLifeOptions;
  readonly #sink: Sink<unknown>;
  /** With disks. */
  readonly #patience: Patience;
  readonly #commits: SinkCommits | undefined;
  /** `recover` was called. */
  #isRecovered = false;
  #recovering: Promise<void> | undefined;
  /** Prepared at the barrier at hand. */
  #publish: readonly Publication[] = [];
  #closed = false;

  constructor(options: SinkLifeOptions) {
    this.#options = options;
    const { node, env, within, out } = options;
    const patience = (what: string): Patience =>
      new Patience({
        clock: env.clock,
        what: `${what} of ${node.uid} at ${node.callSite}`,
        report: (event) => out.report(event),
      });
    this.#patience = patience('files');
    const sink = this.#guarded(undefined, () => node.functions['make']!() as Sink<unknown>);
    checkSink(sink, node);
    this.#guarded(undefined, () => sink.open?.(this.#context()));
    this.#sink = sink;
    if (node.params['delivery'] !== 'transactional') return;
    this.outbox = new Outbox();
    this.#commits = new SinkCommits({
      sink,
      outbox: this.outbox,
      clock: env.clock,
      within,
      patience: patience('commits'),
      maxPendingBytes: (node.params['maxPendingBytes'] as number | undefined) ?? MAX_PENDING_BYTES,
      retryForMs: (node.params['retryForMs'] as number | undefined) ?? RETRY_FOR_MS,
    });
  }

  /** It wants whole parts instead of records. */
  get replaces(): boolean {
    return this.#sink.replace !== undefined;
  }

  process(records: readonly unknown[], time?: number): void | Promise<void> {
    return this.#bounded(time, () => this.#sink.process!(records));
  }

  replace(records: readonly unknown[], part: Omit<SinkPart, 'output'>): void | Promise<void> {
    const { uid } = this.#options.node;
    return this.#bounded(part.time, () => this.#sink.replace!(records, { output: uid, ...part }));
  }

  /** All before the barrier has come. What it promises is to be waited for before the hand-over. */
  endBarrier(barrier: Barrier): void | Promise<void> {
    if (this.#recovering !== undefined)
      return this.#recovering.then(() => this.endBarrier(barrier));
    const { number, time, batch } = barrier;
    const ended = batch
      ? this.#bounded(time, () => this.#sink.endBatch?.(number, time))
      : undefined;
    if (!barrier.point) return ended;
    return ended === undefined ? this.#prepare(barrier) : ended.then(() => this.#prepare(barrier));
  }

  /** What `endBarrier` came to. */
  takePublications(): readonly Publication[] {
    const publish = this.#publish;
    this.#publish = [];
    return publish;
  }

  durable(barrier: number): Promise<void> | undefined {
    if (!this.#isRecovered) {
      this.#isRecovered = true;
      const kept = this.outbox?.kept.map(({ id, publish }) => ({ id, publish })) ?? [];
      const recovering = this.#bounded(undefined, () => this.#sink.recover?.(barrier, kept));
      this.#recovering = recovering?.finally(() => {
        this.#recovering = undefined;
      });
    }
    return this.#commits?.durable(barrier)?.catch((error: unknown) => {
      throw this.#blame(error, undefined);
    });
  }

  /** What the stream must wait for: too much is kept. */
  waiting(): Promise<void> | undefined {
    return this.#commits?.waiting();
  }

  held(): unknown {
    return this.#guarded(undefined, () => this.#sink.snapshot?.());
  }

  restore(held: unknown): void {
    if (held !== undefined) this.#guarded(undefined, () => this.#sink.restore?.(held));
  }

  close(): void {
    this.#closed = true;
    this.#patience.close();
    this.#commits?.close();
    this.#sink.close?.();
  }

  #prepare({ number, time, batch, last }: Barrier): void | Promise<void> {
    const published = this.#bounded(time, () => this.#sink.publish?.(number));
    const prepared =
      batch || last ? this.#bounded(time, () => this.#sink.prepare?.(number)) : undefined;
    const keep = (publish: readonly Publication[] = [], output?: unknown): void => {
      if (this.#closed || (publish.length === 0 && output === undefined)) return;
      this.#guarded(time, () => this.outbox!.add(number, output, publish));
      this.#publish = publish;
    };
    if (!isPromise(published) && !isPromise(prepared)) return keep(published, prepared);
    return Promise.all([published, prepared]).then((both) => keep(...both));
  }

  #context(): SinkContext {
    const { node, instance, parallelism, out, env, life, lineage, start, wait } = this.#options;
    return {
      name: node.uid,
      instance,
      parallelism,
      key: `${lineage}/${node.uid}/${instance}`,
      start,
      disk: env.disk,
      life,
      patiently: (act) => this.#patience.attempt(act),
      write: (text) => out.report({ type: 'wrote', text }),
      collect: (name, barrier, time, rows) => {
        const partitions = [rows];
        const what = {
          type: 'collected',
          output: node.id,
          name,
          barrier,
          time,
          partitions,
        } as const;
        const told = out.report(what);
        if (told !== undefined) wait(told);
      },
    };
  }

  /** Bounds and blames what a sink promises. Plain results are given as they are. */
  #bounded<R>(time: number | undefined, act: () => R | Promise<R>): R | Promise<R> {
    const given = this.#guarded(time, act);
    if (!isPromise(given)) return given;
    const bounded = this.#patience.isWaiting ? given : this.#options.within(given);
    return bounded.then(undefined, (error: unknown) => {
      throw this.#blame(error, time);
    });
  }

  #guarded<R>(time: number | undefined, act: () => R): R {
    try {
      return act();
    } catch (error) {
      throw this.#blame(error, time);
    }
  }

  #blame(error: unknown, time: number | undefined): Error {
    const { node, instance, parallelism } = this.#options;
    if (error instanceof MillraceError && error.code === 'ERR_MILLRACE_NOT_ENCODABLE') {
      const why = error.cause instanceof Error ? error.cause.message : String(error.cause);
      return millraceError(
        'ERR_MILLRACE_NOT_ENCODABLE',
        `what the sink ${node.uid} at ${node.callSite} has prepared can not be kept: ${why}. It is made of plain values, arrays, objects, Map, Set, Date, BigInt and typed arrays`,
        { context: { operator: node.uid, callSite: node.callSite }, cause: error },
      );
    }
    return blamed(error, node, {
      ...(parallelism > 1 || node.kind === 'sink' ? { partition: instance } : {}),
      time,
    });
  }
}

/** What a sink has must be what its kind says, and enough. */
function checkSink(sink: Sink<unknown>, node: GraphNode): void {
  const delivery = node.params['delivery'] ?? 'plain';
  const has = (method: keyof Sink<unknown>): boolean => typeof sink[method] === 'function';
  const wrong = ((): string | undefined => {
    if (!has('process') && !has('replace')) return 'it has neither process nor replace';
    if (has('process') && has('replace')) return 'it has both process and replace';
    if (has('commit') !== has('prepare')) return 'prepare and commit belong together';
    if (has('commit') && !has('holds')) return 'it commits, and can not say what its target holds';
    if (has('commit') || has('publish'))
      return delivery === 'transactional' ? undefined : "its delivery must be 'transactional'";
    if (delivery === 'transactional')
      return 'it is transactional, and has neither publish nor commit';
    return has('replace') === (delivery === 'idempotent')
      ? undefined
      : "replace and the delivery 'idempotent' belong together";
  })();
  if (wrong === undefined) return;
  throw millraceError(
    'ERR_MILLRACE_BAD_OPTION',
    `the sink ${node.uid} at ${node.callSite} is no sink: ${wrong}`,
    { context: { operator: node.uid, callSite: node.callSite } },
  );
}

function isPromise<R>(given: R | Promise<R>): given is Promise<R> {
  return typeof (given as { then?: unknown } | null | undefined)?.then === 'function';
}
