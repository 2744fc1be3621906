/**
 * What each operator of a DStream works with: the stream's node, the graph, and ways to add a node behind it.
 *
 * The operators are a chain of classes, a file for each kind of them, with this one at its root and `DStream` at its end:
 * core, records, text, pairs, joins, state, time, outputs, DStream. A file may name `DStream` as a type alone; the value
 * is made by `make`, which DStream has. So no module waits for one that waits for it.
 *
 * Used by the thread that builds a job, before its start.
 *
 * I1. A stream is of one graph for ever, and its node is in that graph.
 * I2. An operator calls `caller` first: what comes too late is refused before anything else of it is looked at.
 */
import type { GraphBuilder } from '../../plan/graph-builder.ts';
import type { GraphNode, UserFunction } from '../../plan/graph.ts';
import { type Caller, checkFunction } from '../arguments.ts';
import { callSiteText } from '../call-site.ts';
import type { DStream } from '../dstream.ts';
import type { StreamSite } from '../event-time/site.ts';
import { recordParams, type RecordOptions } from '../record-options.ts';
import type { WindowSite } from '../windows/build.ts';

export type NodeParams = Readonly<Record<string, unknown>>;
export type NodeFunctions = Readonly<Record<string, UserFunction>>;

/** The root of all streams of batches. */
export abstract class StreamCore {
  /** @internal The node in the graph. */
  readonly id: number;
  readonly #builder: GraphBuilder;

  /** @internal Streams are made by contexts and operators. */
  constructor(builder: GraphBuilder, id: number) {
    this.#builder = builder;
    this.id = id;
    builder.streams.add(id);
  }

  /** @internal The graph of a stream, or undefined of what is none. */
  static builderOf(given: unknown): GraphBuilder | undefined {
    const isStream = typeof given === 'object' && given !== null && #builder in given;
    return isStream ? given.#builder : undefined;
  }

  /** @internal */
  protected get builder(): GraphBuilder {
    return this.#builder;
  }

  /** @internal The stream behind a node of this graph. */
  protected abstract make<U>(id: number): DStream<U>;

  /** @internal Takes down who calls; refuses it when the graph is frozen. */
  protected caller(operator: string): Caller {
    const caller = { operator, callSite: callSiteText() };
    this.#builder.assertOpen(operator, caller.callSite);
    return caller;
  }

  /** @internal Where another module adds nodes behind this one. */
  protected site(operator: string): WindowSite {
    return { builder: this.#builder, parent: this.id, caller: this.caller(operator) };
  }

  /** @internal Where another module makes streams of this graph. */
  protected streamSite(): StreamSite {
    return { builder: this.#builder, stream: (node) => this.make(node) };
  }

  /** @internal A narrow operator with one function. */
  protected apply<U>(kind: GraphNode['kind'], f: unknown, options?: RecordOptions): DStream<U> {
    const caller = this.caller(kind);
    checkFunction(caller, 'f', f);
    return this.narrow(caller, recordParams(caller, options), { f: f as UserFunction });
  }

  /** @internal An operator that works on each partition where it lies. */
  protected narrow<U>(
    caller: Caller,
    params: NodeParams = {},
    functions: NodeFunctions = {},
  ): DStream<U> {
    const kind = caller.operator as GraphNode['kind'];
    return this.make(this.add(caller, kind, 'narrow', functions, params));
  }

  /** @internal An operator with an exchange. */
  protected wide<U>(
    caller: Caller,
    kind: GraphNode['kind'],
    functions: NodeFunctions,
    params: NodeParams,
  ): DStream<U> {
    return this.make(this.add(caller, kind, 'wide', functions, params));
  }

  /** @internal */
  protected output(
    caller: Caller,
    kind: GraphNode['kind'],
    functions: NodeFunctions,
    params: NodeParams,
  ): void {
    this.add(caller, kind, 'output', functions, params);
  }

  /** @internal */
  protected add(
    caller: Caller,
    kind: GraphNode['kind'],
    role: GraphNode['role'],
    functions: NodeFunctions,
    params: NodeParams,
  ): number {
    return this.#builder.add({ ...caller, kind, role, parents: [this.id], functions, params });
  }
}
