/**
 * The sources of a job behind the coordinator's messages: a `SourceHost` with its edges. Used by the thread of the
 * sources, by the calling thread with `threads: 0`, and by the simulator.
 */
import type { Bell } from '../actors/doorbell.ts';
import type { FromSources, ToSources } from '../actors/messages.ts';
import { ReceiverEdgeWriter, type ReceiverMemory } from '../actors/receiver-edge.ts';
import type { Env } from '../env/env.ts';
import type { Port } from '../env/port.ts';
import { VirtualClock } from '../env/virtual-clock.ts';
import { MillraceError, millraceError, toWire } from '../errors.ts';
import { createSource } from '../io/create-source.ts';
import { InputSource } from '../io/input.ts';
import { SourceHost } from '../io/source-host.ts';
import type { Source } from '../io/source.ts';
import type { Plan } from '../plan/planned.ts';
import { sourceNode } from '../plan/planner.ts';
import type { SourceEvent } from './engine.ts';
import type { SourceRates, TestInputs } from './job-spec.ts';

export interface SourcesActorOptions {
  readonly env: Env;
  readonly plan: Plan;
  /** By edge id. */
  readonly receivers: ReadonlyMap<number, ReceiverMemory>;
  readonly bellOf: (slot: number) => Bell;
  readonly batchIntervalMs: number;
  /** Where sources note how far they are, for a successor. */
  readonly directory: string;
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
  #host: SourceHost;
  /** The sending ends, by edge id. */
  #writers = new Map<number, ReceiverEdgeWriter>();
  #inputs = new Map<string, InputSource>();
  #coordinator: Port<ToSources, FromSources> | undefined;
  #opened = false;

  constructor(options: SourcesActorOptions) {
    this.#options = options;
    const { env, plan, receivers, batchIntervalMs, directory, inputs, rates, report } = options;
    const { maxRate = Infinity, initialRate = Infinity, blockIntervalMs } = rates;
    const names = plan.wiring.sources.map(({ name }) => name);
    this.#host = new SourceHost(
      env,
      plan.wiring.sources.map(({ id, outputs }) => {
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
          notePath: `${directory}/source-${id}`,
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
  }

  pump(): void {
    if (this.#opened) this.#host.pump();
  }

  push(name: string, records: readonly unknown[]): Promise<void> {
    const input = this.#inputs.get(name);
    if (input !== undefined) return input.push(records);
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
    this.#host.abandon();
  }

  #post(message: FromSources): void {
    this.#coordinator?.post(message);
  }

  #handle(message: ToSources): void {
    switch (message.type) {
      case 'consumers': {
        for (const { edge, words, peer } of message.edges)
          this.#writers.get(edge)!.setConsumer(words, this.#options.bellOf(peer));
        // Nothing is read before somebody is there to take it.
        if (!this.#opened) this.#host.open();
        this.#opened = true;
        this.#host.pump();
        return;
      }
      case 'cut':
        this.#options.atTime?.(message.barrier.time);
        this.#host.cut(message.barrier);
        return;
      case 'held':
        this.#host.onHeld(message.barrier);
        return;
      case 'rate':
        this.#host.setRate(message.source, message.rate);
        return;
      case 'durable':
        return;
      case 'stopIntake':
        void this.#host.stopIntake().then(() => this.#post({ type: 'intakeStopped' }));
        return;
      default:
        message satisfies never;
    }
  }
}
