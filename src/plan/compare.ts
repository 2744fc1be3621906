/**
 * Are two graphs the same? Every thread builds its own from the job module, and start-up refuses a thread whose graph
 * differs. Graphs are compared by structure, never by the text of functions: a test runner's copy of a module has
 * other text, and other lines, than the native one.
 */
import type { Graph, GraphNode } from './graph.ts';

/** A graph without its functions: plain data, so it crosses threads. */
export interface GraphShape {
  readonly nodes: readonly NodeShape[];
}

export interface NodeShape {
  readonly uid: string;
  readonly kind: GraphNode['kind'];
  readonly parents: readonly number[];
  /** Names of the functions, sorted. */
  readonly functions: readonly string[];
  readonly params: Readonly<Record<string, unknown>>;
  /** For the error's text only; not compared. */
  readonly callSite: string;
}

export function shape(graph: Graph): GraphShape {
  return {
    nodes: graph.nodes.map((node) => ({
      uid: node.uid,
      kind: node.kind,
      parents: node.parents,
      functions: Object.keys(node.functions).sort(),
      params: node.params,
      callSite: node.callSite,
    })),
  };
}

/**
 * Names the first operator in which two graphs differ and says how; undefined when they are the same.
 * @param names what to call the two, as in "the main thread", "worker 2"
 */
export function firstDifference(
  a: GraphShape,
  b: GraphShape,
  names: readonly [string, string] = ['the first', 'the second'],
): string | undefined {
  const length = Math.max(a.nodes.length, b.nodes.length);
  for (let index = 0; index < length; index++) {
    const left = a.nodes[index];
    const right = b.nodes[index];
    if (left === undefined || right === undefined) {
      const [node, has, lacks] =
        left === undefined ? [right, names[1], names[0]] : [left, names[0], names[1]];
      return `operator ${index + 1} is ${node?.uid} at ${node?.callSite} in ${has}, and there is none in ${lacks}`;
    }
    const how = nodeDifference(left, right);
    if (how === undefined) continue;
    const where = `${left.uid} at ${left.callSite}`;
    if (left.uid !== right.uid) {
      return `operator ${index + 1} is ${where} in ${names[0]}, and ${right.uid} at ${right.callSite} in ${names[1]}`;
    }
    return `operator ${index + 1}, ${where}: its ${how[0]} is ${how[1]} in ${names[0]}, and ${how[2]} in ${names[1]}`;
  }
  return undefined;
}

/** What differs, and the two values as text. */
function nodeDifference(a: NodeShape, b: NodeShape): readonly [string, string, string] | undefined {
  if (a.uid !== b.uid) return ['name', a.uid, b.uid];
  if (a.kind !== b.kind) return ['kind', a.kind, b.kind];
  if (!same(a.parents, b.parents)) return ['list of parents', text(a.parents), text(b.parents)];
  if (!same(a.functions, b.functions))
    return ['list of functions', text(a.functions), text(b.functions)];
  for (const key of new Set([...Object.keys(a.params), ...Object.keys(b.params)])) {
    if (!same(a.params[key], b.params[key])) return [key, text(a.params[key]), text(b.params[key])];
  }
  return undefined;
}

function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const left = a as Readonly<Record<string, unknown>>;
  const right = b as Readonly<Record<string, unknown>>;
  const keys = Object.keys(left);
  return (
    keys.length === Object.keys(right).length &&
    keys.every((key) => Object.hasOwn(right, key) && same(left[key], right[key]))
  );
}

function text(value: unknown): string {
  if (value === undefined) return 'missing';
  return typeof value === 'object' || typeof value === 'string'
    ? JSON.stringify(value)
    : String(value);
}
