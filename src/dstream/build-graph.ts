/**
 * From a job to its graph, in whichever thread it is needed, and the check that two threads have the same one.
 *
 * I1  The builder runs once a call, to its end, and the graph is frozen behind it: what a builder does later (in a
 *     promise, say) is an error at that place.
 * I2  An error of the builder comes out as a MillraceError that names the job and its file. One that an operator
 *     raised passes as it is: it names operator and call site.
 * I3  Graphs are compared by structure, never by the text of functions.
 */
import { MillraceError, millraceError } from '../errors.ts';
import { firstDifference, type GraphShape, shape } from '../plan/compare.ts';
import type { Graph } from '../plan/graph.ts';
import { ContextBuilder } from './context-builder.ts';
import type { DStream } from './dstream.ts';
import { type Job, jobTitle } from './job.ts';

/**
 * Calls the job's builder and gives its frozen graph.
 * @throws ERR_MILLRACE_BUILD when the builder throws or gives a promise, ERR_MILLRACE_NO_OUTPUT, and what operators
 *   throw when they are called wrongly
 */
export function buildGraph<A>(job: Job<A>, args: A): Graph {
  const ssc = new ContextBuilder(`job ${JSON.stringify(job.name)}`);
  runBuilder(job, ssc, args, []);
  ssc.validate();
  return ssc.freeze();
}

/**
 * Calls the builder on a context that the caller made, with the streams that the caller put into it, and gives the
 * stream that it returned. The context stays open.
 * @throws ERR_MILLRACE_BUILD
 */
export function runBuilder<A>(
  job: Job<A>,
  ssc: ContextBuilder,
  args: A,
  streams: readonly DStream<unknown>[],
): DStream<unknown> | undefined {
  let returned: unknown;
  try {
    returned = job.build(ssc, args, ...streams);
  } catch (thrown) {
    ssc.freeze();
    throw thrown instanceof MillraceError ? thrown : builderThrew(job, args, thrown);
  }
  if (!isThenable(returned)) return returned as DStream<unknown> | undefined;
  ssc.freeze();
  // Its operators come too late and will say so, to nobody.
  returned.then(undefined, () => {});
  throw millraceError(
    'ERR_MILLRACE_BUILD',
    `the builder of ${jobTitle(job)} is async or gives a promise. It must make all streams before it returns. Await ` +
      'what it needs before run(), and pass that in args',
    { context: { job: job.name, callSite: job.callSite } },
  );
}

function builderThrew(
  job: Pick<Job<never>, 'name' | 'callSite' | 'build'>,
  args: unknown,
  thrown: unknown,
): Error {
  const what = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  const noArgs = args === undefined && job.build.length > 1 && thrown instanceof TypeError;
  return millraceError(
    'ERR_MILLRACE_BUILD',
    `the builder of ${jobTitle(job)} threw ${what}` +
      (noArgs
        ? '. It takes args, and none were given: run(job, { args }), or --args JSON on the command line'
        : ''),
    { context: { job: job.name, callSite: job.callSite }, cause: thrown },
  );
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}

/**
 * Refuses a thread whose graph isn't the one that the job was started with.
 * @param expected shape of the graph in the thread that started the job
 * @param thread what to call this thread in the error
 * @throws ERR_MILLRACE_GRAPH_MISMATCH naming the first operator that differs
 */
export function checkShape(
  job: Pick<Job<never>, 'name' | 'callSite'>,
  expected: GraphShape,
  graph: Graph,
  thread = 'a worker thread',
): void {
  const difference = firstDifference(expected, shape(graph), ['the starting thread', thread]);
  if (difference === undefined) return;
  throw millraceError(
    'ERR_MILLRACE_GRAPH_MISMATCH',
    `${jobTitle(job)} builds another graph in ${thread}: ${difference}. Usually its builder reads the clock, ` +
      'process.env, a random number, a file, or a variable that the main program sets: pass such values in args',
    { context: { job: job.name, callSite: job.callSite, difference } },
  );
}
