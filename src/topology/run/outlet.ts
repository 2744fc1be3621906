/**
 * One output of a stage at work. What the stage emits while it goes through a block gathers here; then it is delivered:
 * to stages in the same task at once, to routes into other tasks, to a stream's operators.
 *
 * I1  Stages in the same task see the records of a block stage by stage, so each one's loop stays in the cache and knows
 *     one type of record. The order of records is that of the emitting.
 */
import { NO_ROOT, type Tidings } from '../../actors/tracked.ts';
import type { OperatorTree } from '../../dstream/run/tree.ts';
import { millraceError } from '../../errors.ts';
import type { GraphNode } from '../../plan/graph.ts';
import type { Emitter } from '../stage.ts';
import type { Route } from '../../dstream/run/route.ts';

/** What takes records in the same task. */
export interface Taker {
  /** @param copies three numbers a row, of tracked records */
  take(rows: readonly unknown[], copies: ArrayLike<number> | undefined): void;
}

export interface OutletOptions {
  readonly node: GraphNode;
  readonly name: string;
  readonly takers: readonly Taker[];
  readonly routes: readonly Route[];
  /** Operators of streams that begin here. */
  readonly trees: readonly OperatorTree[];
  readonly tidings: Tidings | undefined;
  readonly freshBits: () => number;
}

export class Outlet {
  readonly name: string;
  readonly emitter: Emitter<unknown>;
  readonly #options: OutletOptions;
  readonly #routes: readonly Route[];
  readonly #direct: readonly Route[];
  #rows: unknown[] = [];
  #roots: number[] = [];
  /** Root of the record that the stage has in hand. */
  root: number = NO_ROOT;

  constructor(options: OutletOptions) {
    this.#options = options;
    this.name = options.name;
    this.#routes = options.routes.filter(({ grouping }) => grouping !== 'direct');
    this.#direct = options.routes.filter(({ grouping }) => grouping === 'direct');
    this.emitter = this.#emitter();
  }

  /** Takes what the stage has gathered here. */
  deliver(): void {
    if (this.#rows.length === 0) return;
    const { takers, trees, tidings } = this.#options;
    const rows = this.#rows;
    const roots = tidings === undefined ? undefined : this.#roots;
    this.#rows = [];
    this.#roots = [];
    const sole = takers.length + this.#routes.length + trees.length === 1;
    for (const taker of takers)
      taker.take(rows, roots === undefined ? undefined : this.#copy(roots));
    for (const route of this.#routes) route.take(rows, roots, sole);
    for (const tree of trees) tree.rows(rows);
  }

  flush(): void {
    for (const route of this.#options.routes) route.flush();
  }

  /** A block that the task got goes on as it is: the output of a source. */
  pass(rows: unknown[], roots: number[]): void {
    this.#rows = rows;
    this.#roots = roots;
    this.deliver();
  }

  /** Each record is given on once more: the acker hears of it here, and again when it is worked off. */
  #copy(roots: readonly number[]): number[] {
    const { tidings, freshBits } = this.#options;
    const copies: number[] = [];
    for (const root of roots) {
      const [high, low] = [freshBits(), freshBits()];
      copies.push(root, high, low);
      if (root !== NO_ROOT) tidings!.copy(root, high, low);
    }
    return copies;
  }

  #emitter(): Emitter<unknown> {
    const { takers, trees, tidings } = this.#options;
    const hasReaders = takers.length + this.#routes.length + trees.length > 0;
    // eslint-disable-next-line @typescript-eslint/no-this-alias
    const outlet = this;
    const emit = !hasReaders
      ? () => {
          throw outlet.#unread('emit(record)', 'nobody reads it but by direct()');
        }
      : tidings === undefined
        ? (record: unknown) => void outlet.#rows.push(record)
        : (record: unknown) => {
            outlet.#rows.push(record);
            outlet.#roots.push(outlet.root);
          };
    return { emit, emitTo: (instance, record) => outlet.#emitTo(instance, record) };
  }

  #emitTo(instance: number, record: unknown): void {
    if (this.#direct.length === 0)
      throw this.#unread('emitTo(instance, record)', 'nobody reads it by direct()');
    // What was emitted before goes first.
    this.deliver();
    for (const route of this.#direct) {
      if (!Number.isInteger(instance) || instance < 0 || instance >= route.width) {
        throw new RangeError(
          `emitTo(${instance}): the stage that reads ${this.name} by direct() has instances 0 to ${route.width - 1}`,
        );
      }
      route.takeDirect(record, instance, this.root);
    }
  }

  #unread(act: string, why: string): Error {
    const { node, name } = this.#options;
    return millraceError(
      'ERR_MILLRACE_UNKNOWN_OUTPUT',
      `${node.uid} at ${node.callSite}: ${act} on output '${name}', and ${why}`,
      { context: { operator: node.uid, callSite: node.callSite, output: name } },
    );
  }
}
