/**
 * Grows a topology: what the builder of `topology()` gets as `t`.
 *
 * Used by the thread that builds, while it builds. Stages become nodes of the graph when the topology is complete (or
 * when a stream is made of one), so they may be spoken of before they are declared.
 *
 * I1  Nothing here throws for a mistake in the topology: all are gathered and raised together by `finish`, each with
 *     code and call site.
 * I2  Parents come before children in the graph, whatever the order of declaration.
 */
import { callSiteText } from '../dstream/call-site.ts';
import type { ContextBuilder } from '../dstream/context-builder.ts';
import { DStream } from '../dstream/dstream.ts';
import { type MigrationParts, migrationParts } from '../dstream/state/migration.ts';
import { type ErrorCode, MillraceError } from '../errors.ts';
import { DEFAULT_OUTPUT, type StageInput, type UserFunction } from '../plan/graph.ts';
import { defaultOutput, type StageFeed, StageStream } from '../plan/stage-stream.ts';
import {
  badTopology,
  type Declared,
  isFeed,
  type Problem,
  quoted,
  type SinkOptions,
  type StageOptions,
  type TopologySettings,
  unreadOutputs,
} from './declared.ts';
import { sinkParams } from '../plan/sink.ts';
import type { SinkSpec } from './sink.ts';
import {
  type RecordOf,
  type RecordSource,
  type SourceLike,
  type SourceSpec,
  sourceSpec,
} from './sources.ts';
import type { StageClass, StageFunction } from './stage.ts';

export type { Guarantee, SinkOptions, StageOptions, TopologySettings } from './declared.ts';

export class TopologyBuilder {
  /** Makes streams in the same graph; `toTopology()` brings one here. */
  readonly ssc: ContextBuilder;
  readonly #settings: TopologySettings;
  readonly #declared = new Map<string, Declared>();
  readonly #problems: Problem[] = [];

  /** @internal */
  constructor(ssc: ContextBuilder, settings: TopologySettings) {
    this.ssc = ssc;
    this.#settings = settings;
  }

  /**
   * A source of records: `socket(…)`, `queue(…)`, `numbers(…)`, `generate(…)`, `fromIterable(…)`, or an object or class
   * of your own with `read(position)`.
   */
  source<T>(name: string, source: SourceSpec<T>): StageStream<T>;
  source<S extends RecordSource<unknown>>(
    name: string,
    source: new () => S,
  ): StageStream<RecordOf<S>>;
  source<S extends RecordSource<unknown>>(name: string, source: S): StageStream<RecordOf<S>>;
  source<T>(name: string, source: SourceLike<T>): StageStream<T> {
    const callSite = this.#open('source');
    const spec = sourceSpec(source);
    if (spec === undefined)
      this.#problem(
        'ERR_MILLRACE_BAD_OPTION',
        callSite,
        `source ${quoted(name)} is given no source: an object with read(position), or what socket(), numbers(), queue() … give`,
      );
    const { guarantee, lingerMs, maxPending, timeoutMs } = this.#settings;
    const acked = guarantee === 'at-least-once' ? { maxPending, timeoutMs } : {};
    const params = {
      ...spec?.params,
      partitions: 1,
      lingerMs,
      replay: guarantee !== 'at-most-once',
      ...acked,
    };
    this.#declare(name, {
      word: 'source',
      callSite,
      feeds: [],
      outputs: [DEFAULT_OUTPUT],
      node: {
        operator: spec?.operator ?? 'source',
        kind: spec?.kind ?? 'records',
        role: 'source',
        params,
        functions: spec?.functions ?? {},
        ...(spec?.live === undefined ? {} : { live: spec.live }),
      },
    });
    return defaultOutput<T>({ stage: name }, () => callSiteText());
  }

  /**
   * A stage: a function `(record, out, ctx) => …`, or a class with `process(record, out, ctx)` and what else of `Stage`
   * it wants. Each instance gets an object of the class of its own.
   */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  stage<In = any, Out = any>(
    name: string,
    stage: StageFunction<In, Out> | StageClass<In, Out>,
    options: StageOptions<In>,
  ): StageStream<Out> {
    const callSite = this.#open('stage');
    const { lingerMs } = this.#settings;
    if (typeof stage !== 'function')
      this.#problem(
        'ERR_MILLRACE_BAD_OPTION',
        callSite,
        `stage ${quoted(name)} is neither a function nor a class with process(record, out, ctx)`,
      );
    const outputs = [DEFAULT_OUTPUT, ...(options?.outputs ?? [])];
    const twice = outputs.find((output, n) => outputs.indexOf(output) < n);
    if (twice !== undefined)
      this.#problem(
        'ERR_MILLRACE_DUPLICATE_NAME',
        callSite,
        `stage ${quoted(name)} has two outputs called ${quoted(twice)}`,
      );
    const migration = this.#migration(name, callSite, options);
    this.#declare(name, {
      word: 'stage',
      callSite,
      feeds: this.#feeds('stage', name, callSite, options?.from),
      outputs,
      node: {
        operator: 'stage',
        kind: 'stage',
        role: 'stage',
        params: {
          ...this.#shared('stage', name, callSite, options),
          outputs,
          lingerMs,
          version: migration.version,
        },
        functions: { stage: stage as UserFunction, ...migration.functions },
      },
    });
    return defaultOutput<Out>({ stage: name }, () => callSiteText());
  }

  /** An end of the topology: `print()`, `forEach(f)`, `collect(name)`, `files(directory)`, or a sink of your own. */
  sink<T>(name: string, sink: SinkSpec<NoInfer<T>>, options: SinkOptions<T>): void {
    const callSite = this.#open('sink');
    const isSink = typeof sink === 'object' && sink !== null && typeof sink.make === 'function';
    if (!isSink)
      this.#problem(
        'ERR_MILLRACE_BAD_OPTION',
        callSite,
        `sink ${quoted(name)} is given no sink: what print(), forEach(), collect(), files() give`,
      );
    if (isSink && sink.kind === 'collect' && (options?.parallelism ?? 1) !== 1)
      this.#problem(
        'ERR_MILLRACE_BAD_OPTION',
        callSite,
        `sink ${quoted(name)}: collect() takes a parallelism of 1`,
      );
    this.#declare(name, {
      word: 'sink',
      callSite,
      feeds: this.#feeds('sink', name, callSite, options?.from),
      outputs: [],
      node: {
        operator: 'sink',
        kind: 'sink',
        role: 'sink',
        params: {
          ...this.#shared('sink', name, callSite, options),
          ...(isSink ? sinkParams(sink) : {}),
          sink: isSink ? sink.kind : 'none',
          lingerMs: this.#settings.lingerMs,
        },
        functions: isSink ? { make: sink.make } : {},
      },
    });
  }

  /** A stage or source by its name, which may be declared later. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  stream<T = any>(name: string): StageStream<T> {
    return defaultOutput<T>({ stage: name }, () => callSiteText());
  }

  /**
   * A stream of what an output gives: its batches end at the barriers of the topology. The stage, and all that it reads,
   * must be declared before.
   */
  toDStream<T>(of: StageStream<T>): DStream<T> {
    const callSite = this.#open('toDStream');
    const parent = this.#resolve(of, callSite);
    const { builder } = this.ssc;
    // A stand-in where there is no such stage: `finish` refuses the topology.
    const node =
      parent ??
      builder.add({
        operator: 'source',
        kind: 'records',
        role: 'source',
        parents: [],
        callSite,
        params: { partitions: 1 },
      });
    return new DStream<T>(
      builder,
      builder.add({
        operator: 'toDStream',
        kind: 'fromStage',
        role: 'narrow',
        parents: [node],
        callSite,
        params: { output: of.outputName },
      }),
    );
  }

  /**
   * @internal Adds what is left, and checks all of it.
   * @throws ERR_MILLRACE_BAD_TOPOLOGY with all problems, in its text and in `context.problems`
   */
  finish(title: string): void {
    for (const declared of this.#declared.values()) this.#add(declared);
    for (const declared of this.#declared.values()) this.#problems.push(...unreadOutputs(declared));
    if (this.#problems.length > 0) throw badTopology(title, this.#problems);
    if (this.#settings.guarantee !== 'at-least-once' || this.#declared.size === 0) return;
    const { timeoutMs } = this.#settings;
    this.ssc.builder.add({
      operator: 'acker',
      kind: 'acker',
      role: 'acker',
      parents: [],
      callSite: title,
      params: { timeoutMs },
    });
  }

  #open(operator: string): string {
    const callSite = callSiteText();
    this.ssc.builder.assertOpen(operator, callSite);
    return callSite;
  }

  #declare(name: string, declared: Omit<Declared, 'name' | 'state' | 'read'>): void {
    const { callSite, word } = declared;
    if (typeof name !== 'string' || name === '' || /[#/\\]/.test(name)) {
      this.#problem(
        'ERR_MILLRACE_BAD_OPTION',
        callSite,
        `the name of a ${word} must be text, not empty and without # and slashes`,
      );
      return;
    }
    const before = this.#declared.get(name);
    if (before !== undefined) {
      this.#problem(
        'ERR_MILLRACE_DUPLICATE_NAME',
        callSite,
        `${word} ${quoted(name)}: the name is taken by the ${before.word} at ${before.callSite}`,
      );
      return;
    }
    this.#declared.set(name, { ...declared, name, state: 'declared', read: new Set() });
  }

  #shared(
    word: string,
    name: string,
    callSite: string,
    options: { readonly parallelism?: number; readonly fuse?: boolean },
  ): Record<string, unknown> {
    const parallelism: unknown = options?.parallelism ?? 1;
    const isGood = Number.isSafeInteger(parallelism) && (parallelism as number) > 0;
    if (!isGood)
      this.#problem(
        'ERR_MILLRACE_BAD_OPTION',
        callSite,
        `${word} ${quoted(name)}: parallelism must be a whole number of at least 1; it is ${String(parallelism)}`,
      );
    return {
      parallelism: isGood ? parallelism : 1,
      ...(options?.fuse === false ? { fuse: false } : {}),
    };
  }

  #migration(name: string, callSite: string, options: unknown): MigrationParts {
    try {
      return migrationParts(
        { operator: `stage ${quoted(name)}`, callSite },
        { ...(options as object) },
      );
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      this.#problem('ERR_MILLRACE_BAD_OPTION', callSite, error.message);
      return { version: undefined, functions: {} };
    }
  }

  #feeds(
    word: string,
    name: string,
    callSite: string,
    from: unknown,
  ): readonly StageFeed<unknown>[] {
    const feeds = (
      Array.isArray(from) ? from : from === undefined ? [] : [from]
    ) as readonly unknown[];
    if (feeds.length === 0)
      this.#problem(
        'ERR_MILLRACE_STAGE_NO_INPUT',
        callSite,
        `${word} ${quoted(name)} reads nothing. Give it from: another stage's output with a grouping, such as lines.shuffle()`,
      );
    return feeds.filter((feed): feed is StageFeed<unknown> => {
      if (isFeed(feed)) return true;
      this.#problem(
        'ERR_MILLRACE_BAD_OPTION',
        callSite,
        feed instanceof StageStream
          ? `${word} ${quoted(name)}: from needs a grouping: shuffle(), byKey(f), all(), global(), local() or direct()`
          : `${word} ${quoted(name)}: from is no output of a stage`,
      );
      return false;
    });
  }

  /** The node of a stage with all that it reads; undefined where that can't be. */
  #add(declared: Declared): number | undefined {
    const { name, word, callSite, feeds, node } = declared;
    if (declared.state === 'adding') {
      this.#problem(
        'ERR_MILLRACE_CYCLE',
        callSite,
        `${word} ${quoted(name)} reads what comes of its own output. Stages may not form a circle`,
      );
      return undefined;
    }
    if (declared.state !== 'declared') return declared.state;
    declared.state = 'adding';
    const parents: number[] = [];
    const inputs: StageInput[] = [];
    const keys: Record<string, UserFunction> = {};
    for (const { stream, grouping, key, callSite: at } of feeds) {
      if (grouping === 'byKey' && typeof key !== 'function')
        this.#problem(
          'ERR_MILLRACE_BAD_OPTION',
          at,
          `${word} ${quoted(name)}: byKey needs a function that gives the key of a record`,
        );
      if (grouping === 'direct' && !this.#isStage(stream))
        this.#problem(
          'ERR_MILLRACE_BAD_OPTION',
          at,
          `${word} ${quoted(name)}: direct() reads a stage, which names an instance by out.emitTo; a source or DStream names none. Read it by shuffle(), byKey(f), all(), global() or local()`,
        );
      if ('node' in stream.origin && this.#settings.guarantee === 'at-least-once')
        this.#problem(
          'ERR_MILLRACE_UNSUPPORTED',
          at,
          `${word} ${quoted(name)} reads a DStream, whose records are not followed, so 'at-least-once' can't hold. Take guarantee: 'exactly-once', or read a source of the topology`,
        );
      const parent = this.#resolve(stream, at);
      if (parent === undefined) continue;
      if (key !== undefined) keys[`key${parents.length}`] = key;
      parents.push(parent);
      inputs.push({ output: stream.outputName, grouping });
    }
    const { builder } = this.ssc;
    const id = builder.add({
      ...node,
      callSite,
      parents,
      params: { ...node.params, ...(word === 'source' ? {} : { inputs }) },
      functions: { ...node.functions, ...keys },
    });
    builder.rename(id, name, callSite);
    declared.state = id;
    return id;
  }

  /** What isn't there is another problem. */
  #isStage({ origin }: StageStream<unknown>): boolean {
    return 'stage' in origin && this.#declared.get(origin.stage)?.word !== 'source';
  }

  #resolve(stream: StageStream<unknown>, callSite: string): number | undefined {
    const { origin, outputName } = stream;
    if ('node' in origin) return origin.node;
    const found = this.#declared.get(origin.stage);
    if (found === undefined) {
      this.#problem(
        'ERR_MILLRACE_STAGE_NO_INPUT',
        callSite,
        `there is no stage or source called ${quoted(origin.stage)}`,
      );
      return undefined;
    }
    if (!found.outputs.includes(outputName)) {
      this.#problem(
        'ERR_MILLRACE_UNKNOWN_OUTPUT',
        callSite,
        `${found.word} ${quoted(found.name)} has no output called ${quoted(outputName)}; it has ${found.outputs.map(quoted).join(', ') || 'none'}`,
      );
      return undefined;
    }
    found.read.add(outputName);
    return this.#add(found);
  }

  #problem(code: ErrorCode, callSite: string, message: string): void {
    this.#problems.push({ code, callSite, message });
  }
}
