/**
 * Grows a `Graph`, one node a call. The DStream builder (and later the topology builder) sits on it.
 *
 * Used by the thread that builds a job, while it builds.
 *
 * I1  Parents come before children, since a node's parents exist when it is added.
 * I2  A uid is one of a kind: `operator#n` by place among its operators, or the name that the user gave. Naming a
 *     node doesn't renumber the others.
 * I3  After `freeze` nothing is added or renamed: each attempt names its operator and call site.
 */
import { millraceError } from '../errors.ts';
import type { Graph, GraphNode, UserFunction } from './graph.ts';

export interface NewNode {
  /** The word that the user wrote: `reduceByKey`, where the kind is `combineByKey`. */
  readonly operator: string;
  readonly kind: GraphNode['kind'];
  readonly role: GraphNode['role'];
  readonly parents: readonly number[];
  readonly callSite: string;
  readonly functions?: Readonly<Record<string, UserFunction>>;
  /** Entries that are undefined are left out. */
  readonly params?: Readonly<Record<string, unknown>>;
  readonly live?: unknown;
  readonly exchange?: GraphNode['exchange'];
}

export class GraphBuilder {
  /** Who owns the graph, as error texts begin: `job "clicks"`. */
  readonly owner: string;
  /** Nodes that the user has a stream of. */
  readonly streams: Set<number> = new Set();
  readonly #nodes: GraphNode[] = [];
  readonly #places = new Map<string, number>();
  readonly #names = new Map<string, string>();
  #frozen = false;

  constructor(owner: string) {
    this.owner = owner;
  }

  get frozen(): boolean {
    return this.#frozen;
  }

  /** The graph so far; the whole of it once it is frozen. */
  graph(): Graph {
    return { nodes: [...this.#nodes] };
  }

  /** @throws ERR_MILLRACE_GRAPH_FROZEN after {@link freeze} */
  assertOpen(operator: string, callSite: string): void {
    if (!this.#frozen) return;
    throw millraceError(
      'ERR_MILLRACE_GRAPH_FROZEN',
      `${operator} at ${callSite} came too late: the graph of ${this.owner} is frozen once it has been built and ` +
        'started. Make all streams and outputs before that',
      { context: { operator, callSite } },
    );
  }

  /** Adds a node and gives its id. */
  add(node: NewNode): number {
    this.assertOpen(node.operator, node.callSite);
    const id = this.#nodes.length;
    const place = (this.#places.get(node.operator) ?? 0) + 1;
    this.#places.set(node.operator, place);
    const params = Object.entries(node.params ?? {}).filter(([, value]) => value !== undefined);
    const made: GraphNode = {
      id,
      uid: `${node.operator}#${place}`,
      kind: node.kind,
      role: node.role,
      parents: Object.freeze([...node.parents]),
      callSite: node.callSite,
      functions: Object.freeze({ ...node.functions }),
      params: Object.freeze(Object.fromEntries(params)),
      ...(node.exchange === undefined ? {} : { exchange: Object.freeze([...node.exchange]) }),
    };
    this.#nodes.push(Object.freeze(node.live === undefined ? made : { ...made, live: node.live }));
    return id;
  }

  /**
   * Gives a node the name that the user chose, in place of `operator#n`.
   * @throws ERR_MILLRACE_BAD_OPTION when the name is empty, has a `#`, or is another node's
   */
  rename(id: number, name: unknown, callSite: string): void {
    this.assertOpen('named', callSite);
    const node = this.#nodes[id];
    if (node === undefined) throw new RangeError(`no node ${id}`);
    if (typeof name !== 'string' || name === '' || name.includes('#')) {
      throw this.#badName(
        callSite,
        `the name of ${node.uid} must be text, not empty and without "#"`,
      );
    }
    const owner = this.#names.get(name);
    if (owner !== undefined && node.uid !== name) {
      throw this.#badName(
        callSite,
        `the name ${JSON.stringify(name)} is taken by the operator at ${owner}`,
      );
    }
    this.#names.delete(node.uid);
    this.#names.set(name, node.callSite);
    this.#nodes[id] = Object.freeze({ ...node, uid: name });
  }

  /** Changes parameters of a node. */
  amend(id: number, params: Readonly<Record<string, unknown>>): void {
    const node = this.#nodes[id];
    if (this.#frozen || node === undefined) throw new RangeError(`no node ${id} to amend`);
    this.#nodes[id] = Object.freeze({
      ...node,
      params: Object.freeze({ ...node.params, ...params }),
    });
  }

  /** @throws ERR_MILLRACE_NO_OUTPUT when no stream ends in an output */
  validate(): void {
    const isOutput = ({ role, kind }: GraphNode): boolean =>
      role === 'sink' || (role === 'output' && kind !== 'remember');
    if (this.#nodes.some(isOutput)) return;
    const last = this.#nodes.at(-1);
    const where =
      last === undefined
        ? 'it has no stream either'
        : `its last operator is ${last.uid} at ${last.callSite}`;
    throw millraceError(
      'ERR_MILLRACE_NO_OUTPUT',
      `${this.owner} has no output, so nothing would run; ${where}. End a stream with print(), foreachBatch() or ` +
        'collectAs()',
      { context: last === undefined ? {} : { operator: last.uid, callSite: last.callSite } },
    );
  }

  /** Nothing is added any more. May be called again. */
  freeze(): Graph {
    this.#frozen = true;
    return this.graph();
  }

  #badName(callSite: string, text: string): Error {
    return millraceError('ERR_MILLRACE_BAD_OPTION', `named at ${callSite}: ${text}`, {
      context: { operator: 'named', callSite, option: 'name' },
    });
  }
}
