/**
 * Questions for the state of a key (`run.query`), from the embedding thread to the thread that has the task of the key.
 *
 * Who has it is known to the coordinator alone, and may change any moment; so all workers are asked, and those that
 * haven't got the task say so. A question is open until somebody answers it: while a region recovers nobody does.
 *
 * I1  A worker has at most one copy of a question that it hasn't answered.
 * I2  Every question is settled: by an answer, at its deadline, or when the run ends.
 */
import type { ThreadHost } from '../actors/thread-host.ts';
import { BadKey } from '../dstream/keys/canonical.ts';
import { placeAt } from '../dstream/run/placing.ts';
import { blamed } from '../dstream/run/blame.ts';
import type { Clock, Timer } from '../env/env.ts';
import { fromWire, type MillraceError, millraceError, toWire, type WireError } from '../errors.ts';
import type { GraphNode } from '../plan/graph.ts';
import type { OpInstance, Plan } from '../plan/planned.ts';

const DEADLINE_MS = 10_000;
/** Workers are asked again after this time. */
const AGAIN_MS = 20;
const KINDS: ReadonlySet<string> = new Set(['updateStateByKey', 'mapWithState']);

export interface StateQuestion {
  readonly id: number;
  readonly task: number;
  /** Uid of the operator. */
  readonly operator: string;
  readonly key: unknown;
}

/** Undefined from one that hasn't got the task. */
export type StateAnswer = { readonly value: unknown } | { readonly error: WireError } | undefined;

/** What the host of a worker's tasks says to a question. */
export function answerOf(
  host: Pick<ThreadHost, 'query'>,
  { task, operator, key }: StateQuestion,
): StateAnswer {
  try {
    return host.query(task, operator, key);
  } catch (error) {
    return { error: toWire(error) };
  }
}

export interface StateQueriesOptions {
  readonly clock: Clock;
  readonly plan: Plan;
  /** Numbers of the workers that may be asked now. */
  readonly workers: () => readonly number[];
  readonly ask: (worker: number, question: StateQuestion) => void;
}

interface Open {
  readonly question: StateQuestion;
  /** Workers that have it. */
  readonly asked: Set<number>;
  readonly untilMs: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  timer: Timer | undefined;
}

export class StateQueries {
  readonly #options: StateQueriesOptions;
  readonly #open: Map<number, Open> = new Map();
  #next = 1;

  constructor(options: StateQueriesOptions) {
    this.#options = options;
  }

  /**
   * The state of a key, or undefined when it has none.
   * @throws rejects with ERR_MILLRACE_NO_SUCH_STATE, ERR_MILLRACE_KEY_TYPE, ERR_MILLRACE_CALL_TIMEOUT
   */
  query(name: string, key: unknown): Promise<unknown> {
    const { clock, plan } = this.#options;
    return new Promise((resolve, reject) => {
      const id = this.#next++;
      const question = { id, operator: name, key, task: taskOf(plan, name, key) };
      const open: Open = {
        question,
        asked: new Set(),
        untilMs: clock.monotonic() + DEADLINE_MS,
        resolve,
        reject,
        timer: undefined,
      };
      this.#open.set(id, open);
      this.#ask(open);
    });
  }

  /** What a worker says to a question. */
  answer(id: number, worker: number, answer: StateAnswer): void {
    const open = this.#open.get(id);
    if (open === undefined) return;
    open.asked.delete(worker);
    if (answer === undefined) return;
    this.#settle(open);
    if ('error' in answer) open.reject(fromWire(answer.error));
    else open.resolve(answer.value);
  }

  /** The run ends: nobody answers any more. */
  end(): void {
    for (const open of this.#open.values())
      this.#settle(open).reject(
        millraceError('ERR_MILLRACE_STOPPED', `query of ${open.question.operator}: the run ends`),
      );
  }

  #ask(open: Open): void {
    const { clock, workers, ask } = this.#options;
    if (clock.monotonic() >= open.untilMs) {
      this.#settle(open).reject(tooLate(open.question));
      return;
    }
    for (const worker of workers()) {
      if (open.asked.has(worker)) continue;
      open.asked.add(worker);
      ask(worker, open.question);
    }
    open.timer = clock.after(AGAIN_MS, () => this.#ask(open));
  }

  #settle(open: Open): Open {
    open.timer?.cancel();
    this.#open.delete(open.question.id);
    return open;
  }
}

function tooLate({ operator, task }: StateQuestion): MillraceError {
  return millraceError(
    'ERR_MILLRACE_CALL_TIMEOUT',
    `query of ${operator}: its task did not answer within ${DEADLINE_MS} ms. Its thread is busy, or the job is recovering`,
    { context: { operator, task } },
  );
}

/** The task that has the state of a key. */
function taskOf(plan: Plan, name: string, key: unknown): number {
  const { nodes } = plan.graph;
  const node = nodes.find((each) => each.uid === name && KINDS.has(each.kind));
  if (node === undefined) throw noSuchState(name, nodes);
  let partition: number;
  try {
    partition = placeAt(node, plan.partitions[node.id]!)(key);
  } catch (error) {
    throw error instanceof BadKey
      ? blamed(error, node, {})
      : blamed(error, node, { record: { value: key } });
  }
  const holds = (tree: OpInstance): boolean =>
    (tree.node === node.id && tree.partition === partition) || tree.children.some(holds);
  const task = plan.tasks.find((each) => each.kind !== 'outputs' && holds(each.tree));
  if (task === undefined)
    throw millraceError(
      'ERR_MILLRACE_NO_SUCH_STATE',
      `query of ${name}: it does not run, since nothing that comes of it ends in an output`,
      { context: { operator: name, callSite: node.callSite } },
    );
  return task.id;
}

function noSuchState(name: string, nodes: readonly GraphNode[]): MillraceError {
  const names = nodes.filter(({ kind }) => KINDS.has(kind)).map(({ uid }) => `'${uid}'`);
  return millraceError(
    'ERR_MILLRACE_NO_SUCH_STATE',
    `query: the job has no state '${name}'; ${names.length === 0 ? 'it has none at all' : `there is ${names.join(', ')}`}`,
    { context: { name } },
  );
}
