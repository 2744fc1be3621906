/** A user's job as the simulator takes it: its graph, and feeds in place of its sources. */
import { Pcg32 } from '../../env/pcg32.ts';
import { packValue } from '../../actors/codec.ts';
import { badOption } from '../../dstream/arguments.ts';
import { buildGraph } from '../../dstream/build-graph.ts';
import type { Job } from '../../dstream/job.ts';
import type { Graph, GraphNode } from '../../plan/graph.ts';
import { plan, sourceNode } from '../../plan/planner.ts';
import type { Guarantee } from '../../topology/topology-builder.ts';
import type { SimJob } from '../sim/sim-job.ts';
import { RecordsFeed, RowsFeed, TextFeed, type Feed } from '../sim/sim-sources.ts';
import type { Scenario } from '../sim/scenario.ts';

/**
 * What a source gives: lines of text, records, or (of `inputStream` and `queueStream`) batches, where `null` is a time
 * without one.
 */
export type SimInput = readonly unknown[];

/** Streams of chance of the feeds, one a source from here on. */
const FEEDS = 16;
/** Batches over which records are spread, about. */
const SPREAD_BATCHES = 8;
const CALL = { operator: 'simulate', callSite: 'simulate' };

export interface UserSubject {
  readonly job: SimJob;
  /** Names of its sources, by number. */
  readonly sources: readonly string[];
  /** Of each source: whether it gives text. */
  readonly isText: readonly boolean[];
  readonly hasStages: boolean;
  /** So large must a receiver edge be for what it is fed. */
  readonly leastReceiverBytes: number;
  readonly batchIntervalMs: number;
}

/** @throws what the job's builder throws; ERR_MILLRACE_BAD_OPTION when a source has nothing to give */
export async function subjectOf(
  job: Job<never>,
  args: unknown,
  inputs: readonly SimInput[] | Readonly<Record<string, SimInput>>,
  records: number,
): Promise<UserSubject> {
  const graph = (): Graph => buildGraph(job, args as never);
  const built = graph();
  const planned = plan(built, {
    workers: 1,
    parallelism: 1,
    batchIntervalMs: job.batchIntervalMs,
  });
  const nodes = planned.wiring.sources.map(({ id }) => sourceNode(planned, id));
  const sources = nodes.map(({ uid }) => uid);
  checkInputs(inputs, sources);
  const given = await Promise.all(
    nodes.map((node, n) => {
      const input = Array.isArray(inputs)
        ? (inputs as readonly SimInput[])[n]
        : (inputs as Readonly<Record<string, SimInput>>)[node.uid];
      return inputOf(node, input, records);
    }),
  );
  const stages = built.nodes.filter(({ role }) => role === 'stage' || role === 'sink');
  return {
    sources,
    isText: nodes.map((node, n) => isText(node, given[n]!)),
    hasStages: stages.length > 0,
    leastReceiverBytes: leastBytes(given),
    batchIntervalMs: job.batchIntervalMs,
    job: {
      name: job.name,
      sources: nodes.map((_, n) => (isBatches(nodes[n]!, given[n]!) ? 'rows' : 'records')),
      outputs: {},
      build() {},
      ...(stages.length === 0
        ? {}
        : { topology: { guarantee: guaranteeOf(built), timed: true, settleMs: SETTLE_MS } }),
      subject: {
        graph,
        feeds: (scenario) => nodes.map((node, n) => feedOf(node, given[n]!, scenario, n)),
      },
    },
  };
}

/** Timers of stages have so long, in virtual ms, before the job is drained. */
const SETTLE_MS = 1000;

function checkInputs(
  inputs: readonly SimInput[] | Readonly<Record<string, SimInput>>,
  sources: readonly string[],
): void {
  const unknown = Array.isArray(inputs)
    ? inputs.length > sources.length
      ? `${inputs.length} inputs`
      : undefined
    : Object.keys(inputs).find((name) => !sources.includes(name));
  if (unknown !== undefined)
    throw badOption(CALL, 'inputs', `for the job's sources: ${sources.join(', ')}`, unknown);
}

async function inputOf(
  node: GraphNode,
  input: SimInput | undefined,
  records: number,
): Promise<SimInput> {
  if (input !== undefined) {
    if (Array.isArray(input)) return input;
    throw badOption(CALL, `inputs['${node.uid}']`, 'an array', input);
  }
  const { live, functions, params } = node;
  if (node.kind === 'queue') return (live as { queue: SimInput }).queue;
  if (node.kind === 'records') {
    const items = (live as { items?: SimInput } | undefined)?.items;
    if (items !== undefined) return items.slice(0, records);
    const { at, read } = functions;
    const count = Math.min(records, (params['count'] as number | undefined) ?? Infinity);
    if (at !== undefined) return Array.from({ length: count }, (_, n) => at(n) as unknown);
    if (read !== undefined) return firstOf(read(0) as Iterable<unknown>, count);
  }
  throw badOption(
    CALL,
    'inputs',
    `what source '${node.uid}' (${node.callSite}) is to give: it reads from outside of the job`,
    undefined,
  );
}

async function firstOf(
  items: Iterable<unknown> | AsyncIterable<unknown>,
  count: number,
): Promise<unknown[]> {
  const first: unknown[] = [];
  if (count === 0) return first;
  for await (const item of items) if (first.push(item) === count) break;
  return first;
}

function isText({ kind }: GraphNode, input: SimInput): boolean {
  return (kind === 'socket' || kind === 'files') && input.every((line) => typeof line === 'string');
}

function isBatches({ kind }: GraphNode, input: SimInput): boolean {
  return (
    (kind === 'input' || kind === 'queue') &&
    input.every((batch) => batch === null || Array.isArray(batch))
  );
}

function feedOf(node: GraphNode, input: SimInput, scenario: Scenario, n: number): Feed {
  const { seed, batchIntervalMs } = scenario;
  const chance = new Pcg32(seed, FEEDS + n);
  const spreadMs = batchIntervalMs * SPREAD_BATCHES;
  if (isText(node, input))
    return new TextFeed(input as readonly string[], { largeBlocks: false, chance, spreadMs });
  if (isBatches(node, input))
    return new RowsFeed(input as readonly (readonly unknown[] | null)[], batchIntervalMs, chance);
  return new RecordsFeed({ count: input.length, at: (at) => input[at], spreadMs, chance });
}

/** A record may take a quarter of an edge; a batch that is pulled lies on it whole. */
function leastBytes(inputs: readonly SimInput[]): number {
  const largest = inputs
    .flat()
    .reduce<number>((most, item) => Math.max(most, packValue(item).length), 0);
  return 2 ** Math.ceil(Math.log2(Math.max(4096, 16 * largest)));
}

function guaranteeOf({ nodes }: Graph): Guarantee {
  if (nodes.some(({ role }) => role === 'acker')) return 'at-least-once';
  return nodes.some(({ params }) => params['replay'] === false) ? 'at-most-once' : 'exactly-once';
}
