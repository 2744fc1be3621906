/**
 * A plan as text, for `millrace plan`, logs and error reports: the graph as a tree with call sites, the stages that it
 * is cut into and how each runs, and the tasks of each worker.
 */
import type { GraphNode } from './graph.ts';
import type { OpInstance, Plan } from './planned.ts';
import { textProgramAt } from './text-program.ts';

export interface ExplainOptions {
  /** Call sites below this directory are shown relative to it. @default they are shown whole */
  readonly directory?: string;
}

/** The whole text, with a newline at its end. */
export function explain(plan: Plan, options: ExplainOptions = {}): string {
  const sections = [
    section('Graph', graphLines(plan, options.directory)),
    section(counted(stageLines(plan).length, 'stage'), stageLines(plan)),
    section(
      `${counted(plan.tasks.length, 'task')} on ${counted(plan.wiring.workers, 'worker')}`,
      taskLines(plan),
    ),
  ];
  return sections.join('\n');
}

function section(title: string, lines: readonly string[]): string {
  return `${title}\n${lines.map((line) => `  ${line}\n`).join('')}`;
}

// ── The graph ───────────────────────────────────────────────────────────────────────────────────

/**
 * A tree from each source. A stream with several parents stands below the last of them; below the others a line says
 * where it goes on.
 */
function graphLines(plan: Plan, directory: string | undefined): string[] {
  const { nodes } = plan.graph;
  const planned = plannedNodes(plan);
  const rows: { readonly tree: string; readonly partitions: string; readonly site: string }[] = [];
  const children = (node: GraphNode): GraphNode[] =>
    nodes.filter((each) => each.parents.includes(node.id));
  const visit = (node: GraphNode, lead: string, below: string): void => {
    const count = plan.partitions[node.id] ?? 0;
    rows.push({
      tree: lead + label(node),
      partitions: !planned.has(node.id)
        ? 'not run: no output'
        : node.role === 'output'
          ? ''
          : counted(count, 'partition'),
      site: relative(node.callSite, directory),
    });
    const next = children(node);
    next.forEach((child, index) => {
      const last = index === next.length - 1;
      const branch = `${below}${last ? '`- ' : '|- '}`;
      if (child.parents.at(-1) === node.id) visit(child, branch, `${below}${last ? '   ' : '|  '}`);
      else rows.push({ tree: `${branch}to ${child.uid}`, partitions: '', site: '' });
    });
  };
  for (const node of nodes) if (node.parents.length === 0) visit(node, '', '');
  return table(rows.map((row) => [row.tree, row.partitions, row.site]));
}

/** Parameters that tell an operator from its like. The rest are defaults more often than not. */
const SHOWN: readonly string[] = [
  'directory',
  'format',
  'name',
  'separator',
  'needle',
  'source',
  'n',
  'numPartitions',
  'parallelism',
  'reducer',
  'sink',
  'delivery',
  'windowMs',
  'slideMs',
  'ttlMs',
  'timeoutMs',
];

function label(node: GraphNode): string {
  const params = SHOWN.filter(
    (key) => node.params[key] !== undefined && node.params[key] !== node.uid,
  );
  const parts = params.map((key) => `${key} ${JSON.stringify(node.params[key])}`);
  if (node.kind === 'socket' || node.kind === 'socketStream')
    parts.unshift(`${String(node.params['host'])}:${String(node.params['port'])}`);
  const text = parts.join(', ');
  const word = node.params['operator'] ?? node.kind;
  const name = node.uid.includes('#') ? node.uid : `${node.uid} (${String(word)})`;
  return text === '' ? name : `${name}  ${text}`;
}

// ── Stages ──────────────────────────────────────────────────────────────────────────────────────

/** One task for each root: a stage's tasks differ in their partition only. */
function stageRoots(plan: Plan): OpInstance[] {
  return plan.tasks.flatMap((task) =>
    task.kind !== 'outputs' && task.tree.partition === 0 ? [task.tree] : [],
  );
}

function stageLines(plan: Plan): string[] {
  const rows = stageRoots(plan).map((tree, index) => {
    const count = plan.partitions[tree.node] ?? 0;
    return [`${index + 1}`, pathText(plan, tree), counted(count, 'task'), formOf(plan, tree)];
  });
  const outputs = plan.tasks.flatMap((task) => (task.kind === 'outputs' ? task.outputs : []));
  const names = outputs.map((output) => nodeOf(plan, output).uid).join(', ');
  if (outputs.length === 0) return table(rows);
  return table([
    ...rows,
    [
      `${rows.length + 1}`,
      names,
      '1 task',
      outputs.length > 1 ? 'one after another, in this order' : 'the output',
    ],
  ]);
}

/** The operators of a tree in one line: `a > b > [c => d | e -> f]`. An arrow with one line goes to the same partition. */
function pathText(plan: Plan, instance: OpInstance): string {
  const ways = [
    ...instance.children.map((child) => ({ mark: ' > ', text: pathText(plan, child) })),
    ...instance.sends.map((send) => ({
      mark: send.exchange === 'same' ? ' -> ' : ' => ',
      text: nodeOf(plan, send.node).uid,
    })),
  ];
  const name = nodeOf(plan, instance.node).uid;
  if (ways.length === 0) return name;
  const [only] = ways;
  if (ways.length === 1 && only !== undefined) return name + only.mark + only.text;
  return `${name}${ways.length === 0 ? '' : ` [${ways.map((way) => `${way.mark.trim()} ${way.text}`).join(' | ')}]`}`;
}

/** How a stage runs, as far as the plan decides it. */
function formOf(plan: Plan, tree: OpInstance): string {
  const program = textProgramAt(plan.graph, tree)?.program;
  if (program !== undefined) {
    const steps = [...program.transforms, program.tokens].map((step) => step.op);
    return `kernel over bytes (${[...steps, program.aggregate].join(', ')})`;
  }
  const root = nodeOf(plan, tree.node);
  if (root.role === 'acker') return 'follows records through the stages';
  if (isStageTree(plan, tree)) return 'record by record';
  const exchanges = sendsOf(tree).map((send) => nodeOf(plan, send.node));
  const combined = exchanges.some(
    (node) =>
      ['countByValue', 'count', 'reduce'].includes(node.kind) ||
      (node.kind === 'combineByKey' && node.params['mapSideCombine'] !== false),
  );
  const stateful = operatorsOf(plan, tree).filter(({ kind }) => KEEPS_STATE.has(kind));
  const parts = [
    ...(root.role === 'wide' ? [ARRIVAL[root.kind] ?? root.kind] : []),
    ...(hasStep(plan, tree) ? ['one loop'] : []),
    ...(combined ? ['combined before the exchange'] : []),
    ...(stateful.length > 0 ? [`keeps state: ${stateful.map(({ uid }) => uid).join(', ')}`] : []),
  ];
  return parts.length === 0 ? 'passed on as it is' : parts.join(', ');
}

/** What a wide operator does with what arrives. */
const ARRIVAL: Readonly<Record<string, string>> = {
  combineByKey: 'merged by key',
  countByValue: 'merged by value',
  groupByKey: 'grouped by key',
  repartition: 'taken as it comes',
  reduce: 'merged to one record',
  count: 'added up',
  transform: 'gathered for a function',
  transformed: 'taken as it comes',
  partitionBy: 'taken as it comes',
  cogroup: 'joined by key',
  join: 'joined by key',
  updateStateByKey: 'gathered by key',
  mapWithState: 'gathered by key',
  eventWindow: 'gathered by key',
  intervalJoin: 'joined by key and time',
  dedupe: 'gathered by key',
  broadcastJoin: 'joined with a table',
  withBroadcast: 'taken beside a table',
};

/** Operators that keep something from batch to batch. */
const KEEPS_STATE: ReadonlySet<string> = new Set([
  'window',
  'windowReduce',
  'windowReduceByKey',
  'windowGroupByKey',
  'updateStateByKey',
  'mapWithState',
  'eventWindow',
  'intervalJoin',
  'dedupe',
  'broadcastJoin',
  'withBroadcast',
]);

function operatorsOf(plan: Plan, tree: OpInstance): GraphNode[] {
  return [nodeOf(plan, tree.node), ...tree.children.flatMap((child) => operatorsOf(plan, child))];
}

/** Narrow operators that take a whole batch. */
const BATCH_BY_BATCH: ReadonlySet<string> = new Set([
  ...KEEPS_STATE,
  'mapPartitions',
  'mapPartitionsWithIndex',
  'glom',
  'stateSnapshots',
  'withTimestamps',
  'mapAsync',
]);

/** Whether records go through operators one by one. A union is no step. */
function hasStep(plan: Plan, tree: OpInstance): boolean {
  return tree.children.some((child) => {
    const { kind, role } = nodeOf(plan, child.node);
    const isStep = role === 'narrow' && kind !== 'union' && !BATCH_BY_BATCH.has(kind);
    return isStep || hasStep(plan, child);
  });
}

function isStageTree(plan: Plan, tree: OpInstance): boolean {
  const isStage = ({ node }: { readonly node: number }): boolean =>
    ['stage', 'sink'].includes(nodeOf(plan, node).role);
  return isStage(tree) || tree.children.some(isStage) || tree.sends.some(isStage);
}

function sendsOf(tree: OpInstance): OpInstance['sends'] {
  return [...tree.sends, ...tree.children.flatMap(sendsOf)];
}

// ── Tasks ───────────────────────────────────────────────────────────────────────────────────────

function taskLines(plan: Plan): string[] {
  const { wiring } = plan;
  const rows = Array.from({ length: wiring.workers }, (_, worker) => [
    `worker ${worker}`,
    wiring.tasks
      .filter((task) => task.worker === worker)
      .map((task) => task.name)
      .join('  ') || 'nothing',
  ]);
  const worker = (task: number): number => wiring.tasks[task]?.worker ?? -1;
  const inner = wiring.edges.filter((edge) => edge.kind === 'inner');
  const between = inner.filter((edge) => worker(edge.from) !== worker(edge.to)).length;
  const receivers = wiring.edges.length - inner.length;
  return table([
    ...rows,
    [
      'edges',
      `${receivers} from sources, ${inner.length - between} within a worker, ${between} between workers`,
    ],
  ]);
}

// ── Text ────────────────────────────────────────────────────────────────────────────────────────

function plannedNodes(plan: Plan): Set<number> {
  const found = new Set<number>();
  const visit = (tree: OpInstance): void => {
    found.add(tree.node);
    for (const child of tree.children) visit(child);
  };
  for (const task of plan.tasks) {
    if (task.kind === 'outputs') for (const output of task.outputs) found.add(output);
    else visit(task.tree);
  }
  return found;
}

/** Columns, two spaces apart, as wide as their widest cell. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}

function relative(callSite: string, directory: string | undefined): string {
  if (directory === undefined || directory === '' || !callSite.startsWith(directory))
    return callSite;
  const rest = callSite.slice(directory.length);
  return /^[/\\]/.test(rest) ? rest.slice(1) : /[/\\]$/.test(directory) ? rest : callSite;
}

function nodeOf(plan: Plan, id: number): GraphNode {
  const node = plan.graph.nodes[id];
  if (node === undefined) throw new RangeError(`no node ${id} in the graph`);
  return node;
}
