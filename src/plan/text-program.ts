/**
 * Finds declared text pipelines: trees that a kernel can run over bytes, without a string or object per record.
 *
 *   socket or text files → any of trim, toLowerCase, grep(text) → at most one of words, split(1 ASCII character)
 *                       → countByValue or count
 *
 * with one way to go at each step. Anything else runs in its closure form.
 */
import type { Graph, GraphNode } from './graph.ts';
import type { OpInstance, Send } from './planned.ts';

/** What the kernel is to do. The same structure as the kernel's own type, which lies to the right of this room. */
export interface TextProgram {
  readonly transforms: readonly TextTransform[];
  readonly tokens: TextTokens;
  readonly aggregate: 'countByValue' | 'count';
}

export type TextTransform =
  | { readonly op: 'trim' }
  | { readonly op: 'toLowerCase' }
  | { readonly op: 'grep'; readonly needle: string };

export type TextTokens =
  | { readonly op: 'lines' }
  | { readonly op: 'words' }
  | { readonly op: 'split'; readonly separator: string };

/** The program of a task's tree and where its result goes, or undefined when the tree is no such pipeline. */
export function textProgramAt(
  graph: Graph,
  tree: OpInstance,
): { readonly program: TextProgram; readonly send: Send } | undefined {
  const source = graph.nodes[tree.node];
  const isText = source?.kind === 'files' && source.params['format'] === 'text';
  if (source?.kind !== 'socket' && !isText) return undefined;
  const transforms: TextTransform[] = [];
  let tokens: TextTokens | undefined;
  let at = tree;
  for (;;) {
    const child = at.children[0];
    if (child === undefined) break;
    if (at.children.length > 1 || at.sends.length > 0) return undefined;
    const node = graph.nodes[child.node];
    const transform = node === undefined ? undefined : transformOf(node);
    const next = node === undefined ? undefined : tokensOf(node);
    // Behind words() the records are no lines any more, and kernels know no transforms of tokens.
    if (tokens !== undefined) return undefined;
    if (transform !== undefined) transforms.push(transform);
    else if (next !== undefined) tokens = next;
    else return undefined;
    at = child;
  }
  const send = at.sends[0];
  const aggregate = send === undefined ? undefined : graph.nodes[send.node]?.kind;
  if (send === undefined || at.sends.length > 1) return undefined;
  if (aggregate !== 'countByValue' && aggregate !== 'count') return undefined;
  return { program: { transforms, tokens: tokens ?? { op: 'lines' }, aggregate }, send };
}

function transformOf(node: GraphNode): TextTransform | undefined {
  if (node.kind === 'trim' || node.kind === 'toLowerCase') return { op: node.kind };
  const needle = node.kind === 'grep' ? node.params['needle'] : undefined;
  return typeof needle === 'string' && needle !== '' && hasUtf8(needle)
    ? { op: 'grep', needle }
    : undefined;
}

function tokensOf(node: GraphNode): TextTokens | undefined {
  if (node.kind === 'words') return { op: 'words' };
  const separator = node.kind === 'split' ? node.params['separator'] : undefined;
  // A newline ends lines before the separator is looked for, so it is left to the closure form.
  return typeof separator === 'string' && /^[\0-\x7f]$/.test(separator) && separator !== '\n'
    ? { op: 'split', separator }
    : undefined;
}

/** Half a surrogate pair has no bytes that could be found. */
function hasUtf8(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}
