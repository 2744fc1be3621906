/**
 * The sources of a job behind the coordinator's messages: a `SourceHost` with its edges. Used by the thread of the
 * sources, by the calling thread with `threads: 0`, and by the simulator.
 */
import type { Bell } from '../actors/doorbell.ts';
import type { FromSources, ToSources } from '../actors/messages.ts';
import { ReceiverEdgeWriter, type ReceiverMemory } from '../actors/receiver-edge.ts';
import { mayPass, Trouble } from '../actors/trouble.ts';
import type { Disk, Env } from '../env/env.ts';
import type { Port } from '../env/port.ts';
import { VirtualClock } from '../env/virtual-clock.ts';
import { MillraceError, millraceError, toWire } from '../errors.ts';
import { createSource } from '../io/create-source.ts';
import { InputSource } from '../io/input.ts';
import { SourceHost, type SourceLogSpec } from '../io/source-host.ts';
import type { Source, SourceState } from '../io/source.ts';
import { openSourceLog } from '../log/source-log.ts';
import type { GraphNode } from '../plan/graph.ts';
import type { Plan } from '../plan/planned.ts';
import { sourceNode } from '../plan/planner.ts';
import type { SourceEvent } from './engine.ts';
import type { SourceRates, TestInputs } from './job-spec.ts';
import type { LogPlace } from './log-place.ts';

/** The directory of a source's log. Beside it lies what a source notes before its first cut. */
export function logDirectory(directory: string, uid: string): string {
  return `${directory}/${encodeURIComponent(uid)}`;
}

export interface SourcesActorOptions {
  readonly env: Env;
  readonly plan: Plan;
  /** By edge id. */
  readonly receivers: ReadonlyMap<number, ReceiverMemory>;
  readonly bellOf: (slot: number) => Bell;
  readonly batchIntervalMs: number;
  /** Where sources note how far they are, for a successor. */
  readonly directory: string;
  /** What they send outlives the process. @default the threads only */
  readonly log?: LogPlace | undefined;
  readonly inputs: TestInputs | undefined;
  readonly rates: SourceRates;
  readonly report: (event: SourceEvent) => void;
  /** On virtual time: it is the time of the barrier that was cut. */
  readonly atTime?: (time: number) => void;
  /** Stands in for `createSource`, in the simulator. */
  readonly create?: (sourceId: number) => Source;
}

export class SourcesActor {
  #options: SourcesActorOptions;
  /** Undefined: a log could not be opened, yet or for good. */
  #host: SourceHost | undefined;
  #broken: unknown;
  readonly #trouble: Trouble;
  /** What came before the logs were open. */
  #early: ToSources[] = [];
  /** The sending ends, by edge id. */
  #writers = new Map<number, ReceiverEdgeWriter>();
  #inputs = new Map<string, InputSource>();
  #coordinator: Port<ToSources, FromSources> | undefined;
  #opened = false;
  #isClosed = false;

  constructor(options: SourcesActorOptions) {
    this.#options = options;
    const state = (said: SourceState, error?: unknown): void => {
      for (const { name } of options.plan.wiring.sources)
        options.report({
          type: 'sourceState',
          source: name,
          state: said,
          ...(error === undefined ? {} : { error: toWire(error) }),
        });
    };
    this.#trouble = new Trouble(
      (error) => state('degraded', error),
      () => state('connecting'),
    );
    this.#openHost();
  }

  /** A disk that is full or broken is asked again: it is no fault of the job. */
  #openHost(): void {
    const options = this.#options;
    try {
      this.#host = this.#makeHost(options);
    } catch (error) {
      if (mayPass(error)) {
        options.env.clock.after(this.#trouble.failed(error), () => {
          if (!this.#isClosed) this.#openHost();
        });
        return;
      }
      // The job fails by it, as soon as there is a coordinator to tell.
      this.#broken = error;
    }
    this.#trouble.over();
    if (this.#coordinator === undefined) return;
    this.#introduce();
    for (const message of this.#early.splice(0)) this.#handle(message);
  }

  #makeHost(options: SourcesActorOptions): SourceHost {
    const { env, plan, receivers, batchIntervalMs, directory, inputs, rates, report } = options;
    const { maxRate = Infinity, initialRate = Infinity, blockIntervalMs } = rates;
    const names = plan.wiring.sources.map(({ name }) => name);
    return new SourceHost(
      env,
      plan.wiring.sources.map(({ id, outputs, replay }) => {
        const node = sourceNode(plan, id);
        const source =
          options.create?.(id) ??
          createSource(node, {
            batchIntervalMs,
            blockIntervalMs,
            streamId: id,
            isVirtual: options.atTime !== undefined || env.clock instanceof VirtualClock,
            batches: inputs?.[node.id],
          });
        if (source instanceof InputSource) this.#inputs.set(String(node.params['name']), source);
        const name = `${node.uid} at ${node.callSite}`;
        // Lines are counted for those who ask their server to go on at one.
        const countLines = node.functions['hello'] !== undefined;
        const edges = outputs.map(
          (edge) => new ReceiverEdgeWriter({ memory: receivers.get(edge)!, name, countLines }),
        );
        outputs.forEach((edge, n) => this.#writers.set(edge, edges[n]!));
        return {
          id,
          name,
          source,
          edges,
          ...(options.log === undefined
            ? { notePath: `${directory}/source-${id}` }
            : {
                notePath: `${logDirectory(options.log.directory, node.uid)}.begun`,
                log: { ...logSpec(env, node, options.log), isOnce: replay === false },
              }),
          maxRate: Math.min(maxRate, (node.params['maxRate'] as number | undefined) ?? Infinity),
          initialRate,
        };
      }),
      {
        onPut: (source, barrier) => this.#post({ type: 'put', source, barrier }),
        onRelief: (source) => this.#post({ type: 'relief', source }),
        onFailure: (source, error) => {
          // Whoever was replaced has no say in whether the job goes on.
          if (error instanceof MillraceError && error.code === 'ERR_MILLRACE_FENCED') return;
          this.#post({ type: 'sourceFailed', source, error: toWire(error) });
        },
        onState: (source, state, detail) =>
          report({
            type: 'sourceState',
            source: names[source]!,
            state,
            ...(detail.error === undefined ? {} : { error: toWire(detail.error) }),
            ...(detail.retryInMs === undefined ? {} : { retryInMs: detail.retryInMs }),
          }),
        onEvent: (source, event) => report({ source: names[source]!, ...event }),
      },
    );
  }

  attach(coordinator: Port<ToSources, FromSources>): void {
    this.#coordinator = coordinator;
    coordinator.onMessage((message) => {
      if (coordinator === this.#coordinator) this.#handle(message);
    });
    this.#early = [];
    this.#introduce();
  }

  #introduce(): void {
    if (this.#broken !== undefined)
      this.#post({ type: 'sourceFailed', source: 0, error: toWire(this.#broken) });
    else if (this.#host === undefined) return;
    else if (this.#options.log !== undefined)
      this.#post({ type: 'recorded', cuts: this.#host.recorded() });
  }

  pump(): void {
    if (this.#opened) this.#host?.pump();
  }

  /** @param isDurable resolves when the records outlive the process, if the job has a checkpoint directory */
  push(name: string, records: readonly unknown[], isDurable = false): Promise<void> {
    const input = this.#inputs.get(name);
    if (input !== undefined) return input.push(records, isDurable);
    const names = [...this.#inputs.keys()].map((each) => `'${each}'`);
    return Promise.reject(
      millraceError(
        'ERR_MILLRACE_BAD_OPTION',
        `the job has no inputStream('${name}')${names.length > 0 ? `; it has ${names.join(', ')}` : ''}`,
      ),
    );
  }

  /** Ends at once; what is on its way is given up. */
  close(): void {
    this.#isClosed = true;
    this.#host?.abandon();
  }

  #post(message: FromSources): void {
    this.#coordinator?.post(message);
  }

  #tellLogs(host: SourceHost, barrier: number): void {
    const { env, plan, log, report } = this.#options;
    if (log === undefined) return;
    for (const { id, name } of plan.wiring.sources) {
      const directory = logDirectory(log.directory, sourceNode(plan, id).uid);
      const behind = host.behind(id, barrier);
      report({ type: 'sourceLog', source: name, bytes: bytesIn(env.disk, directory), behind });
    }
  }

  #handle(message: ToSources): void {
    const host = this.#host;
    if (host === undefined) {
      this.#early.push(message);
      return;
    }
    switch (message.type) {
      case 'consumers': {
        for (const { edge, words, peer } of message.edges)
          this.#writers.get(edge)!.setConsumer(words, this.#options.bellOf(peer));
        // Nothing is read before somebody is there to take it.
        if (!this.#opened) host.open();
        this.#opened = true;
        host.pump();
        return;
      }
      case 'cut':
        this.#options.atTime?.(message.barrier.time);
        host.cut(message.barrier);
        return;
      case 'held':
        host.onHeld(message.barrier);
        return;
      case 'rate':
        host.setRate(message.source, message.rate);
        return;
      case 'durable':
        host.trim(message.oldest);
        this.#tellLogs(host, message.barrier);
        return;
      case 'stopIntake':
        void host.stopIntake().then(() => this.#post({ type: 'intakeStopped' }));
        return;
      default:
        message satisfies never;
    }
  }
}

function bytesIn(disk: Disk, directory: string): number {
  try {
    return disk
      .list(directory)
      .reduce((sum, name) => sum + (disk.size(`${directory}/${name}`) ?? 0), 0);
  } catch {
    // It can't be looked at now; the log tells of that.
    return 0;
  }
}

function logSpec(env: Env, node: GraphNode, { directory, start }: LogPlace): SourceLogSpec {
  return {
    start,
    isWrittenAhead: node.params['writeAheadLog'] !== false,
    open: (events) =>
      openSourceLog({
        disk: env.disk,
        clock: env.clock,
        directory: logDirectory(directory, node.uid),
        start,
        ...events,
      }),
  };
}
