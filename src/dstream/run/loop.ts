/**
 * A loop takes the records of one block through a chain's steps into its sinks. It comes in two forms that do the same:
 * compiled code (`compile.ts`), and a chain of closures (`interpret.ts`) where code may not be generated.
 *
 * I1  Loops hold no state between runs, so one serves all partitions of a chain and every body that a recovery builds.
 *     They are kept by graph and signature: what V8 learned of a loop outlives the bodies.
 */
import type { Graph, GraphNode } from '../../plan/graph.ts';
import type { Blame } from './blame.ts';
import { type Step, signature } from './chain.ts';
import { compileLoop } from './compile.ts';
import { interpretLoop } from './interpret.ts';
import type { Sink } from './sinks.ts';

/** `rows`: one array of records. `pairs`: keys and values side by side, tuples only where someone wants one. */
export type Shape = 'rows' | 'pairs';

/**
 * @param a the records, or the keys
 * @param b the values, of pairs
 * @param sinks by slot
 * @param passOver takes records of operators that pass over those at which their function throws
 */
export type Loop = (
  a: readonly unknown[],
  b: ArrayLike<unknown>,
  sinks: readonly Sink[],
  blame: Blame,
  passOver?: PassOverAt,
) => void;

/** Operator `op` (an index into the chain's operators) passes over the record. */
export type PassOverAt = (error: unknown, op: number, record: unknown) => void;

export type Form = 'compiled' | 'closures';

const kept: WeakMap<Graph, Map<string, Loop>> = new WeakMap();
let mayGenerate: boolean | undefined;

/** The form that this thread can run: `--disallow-code-generation-from-strings` forbids compiled loops. */
export function bestForm(): Form {
  if (mayGenerate === undefined) {
    try {
      new Function('return 0');
      mayGenerate = true;
    } catch (error) {
      if (!(error instanceof EvalError)) throw error;
      mayGenerate = false;
    }
  }
  return mayGenerate ? 'compiled' : 'closures';
}

/** Runs of a new loop over nothing: enough for V8 to note types in all code around it (`compile.ts`). */
const DRY_RUNS = 64;

/** The loop for steps of a graph; `operators` are those of their chain, `sinks` some that it is to work on. */
export function loopOf(
  graph: Graph,
  steps: readonly Step[],
  operators: readonly GraphNode[],
  shape: Shape,
  form: Form,
  sinks: readonly Sink[],
): Loop {
  let loops = kept.get(graph);
  if (loops === undefined) {
    loops = new Map();
    kept.set(graph, loops);
  }
  const key = `${form} ${shape} ${signature(steps)}`;
  let loop = loops.get(key);
  if (loop === undefined) {
    loop = form === 'compiled' ? compileLoop(steps, operators, shape) : interpretLoop(steps, shape);
    for (let i = 0; i < DRY_RUNS; i++) loop([], [], sinks, rethrow);
    loops.set(key, loop);
  }
  return loop;
}

function rethrow(error: unknown): never {
  throw error;
}
