/**
 * `topology()`: a job whose graph is made of stages that work record by record. It is a job like any other: found by name
 * in the file that calls it, built anew in each thread, run by `run()` and the command.
 */
import { badOption, checkFunction, checkInteger, checkOptions } from '../dstream/arguments.ts';
import { callSiteText } from '../dstream/call-site.ts';
import { type Duration, durationMs } from '../dstream/duration.ts';
import { defineJob, type Job, type JobOptions } from '../dstream/job.ts';
import { type Guarantee, TopologyBuilder, type TopologySettings } from './topology-builder.ts';

export interface TopologyOptions extends Omit<JobOptions, 'batchInterval'> {
  /**
   * What a record may count on when threads die.
   *   `'exactly-once'`   counts once in the state of every stage; barriers make it so
   *   `'at-least-once'`  is followed to the last stage and sent again when it fails or is not heard of in time
   *   `'at-most-once'`   is not sent again: what a recovery passes over is counted as `lost`
   * @default 'exactly-once'
   */
  readonly guarantee?: Guarantee;
  /**
   * Time between two recovery points at which state is handed over, and files of transactional sinks appear. Batches of
   * streams in the same graph last as long. @default '1s'
   */
  readonly checkpointInterval?: Duration;
  /** Under load a record waits so long at most for its block to become larger, in ms. @default 1 */
  readonly lingerMs?: number;
  /** Of `'at-least-once'`: records of a source that may be on their way at once. @default 10_000 */
  readonly maxPending?: number;
  /** Of `'at-least-once'`: a record that is not heard of for so long is sent again. @default '30s' */
  readonly timeout?: Duration;
}

/** Declares sources, stages and sinks. Called once in each thread, and must do the same there. */
export type TopologyBuild<A> = (t: TopologyBuilder, args: A) => void;

const GUARANTEES: readonly unknown[] = ['exactly-once', 'at-least-once', 'at-most-once'];
const OPTIONS = [
  'guarantee',
  'checkpointInterval',
  'lingerMs',
  'maxPending',
  'timeout',
  'url',
  'threads',
  'retainBytes',
  'maxGatherBytes',
  'maxHeapMb',
  'supervision',
];

/**
 * Defines a topology. Call it at the top level of a module, with a constant name.
 *
 * @throws ERR_MILLRACE_BAD_OPTION, ERR_MILLRACE_BAD_DURATION; a mistake in the topology is raised when it is run
 * @example
 * export default topology('clicks', (t, args: { host: string; port: number }) => {
 *   const lines = t.source('lines', socket(args));
 *   t.sink('out', print(), { from: lines.global() });
 * });
 */
export function topology<A = undefined>(name: string, build: TopologyBuild<A>): Job<A>;
export function topology<A = undefined>(
  name: string,
  options: TopologyOptions,
  build: TopologyBuild<A>,
): Job<A>;
export function topology<A = undefined>(
  name: string,
  second: TopologyOptions | TopologyBuild<A>,
  third?: TopologyBuild<A>,
): Job<A> {
  const onlyBuild = typeof second === 'function' && third === undefined;
  const options = (onlyBuild ? {} : second) as TopologyOptions;
  const build = (onlyBuild ? second : third) as TopologyBuild<A>;
  const call = { operator: 'topology', callSite: callSiteText() };
  checkOptions(call, options, OPTIONS);
  checkFunction(call, 'build', build);
  const {
    guarantee = 'exactly-once',
    checkpointInterval = 1000,
    lingerMs = 1,
    maxPending = 10_000,
    timeout = 30_000,
    ...rest
  } = options;
  if (!GUARANTEES.includes(guarantee))
    throw badOption(
      call,
      'guarantee',
      "'exactly-once', 'at-least-once' or 'at-most-once'",
      guarantee,
    );
  if (!(lingerMs >= 0 && lingerMs <= 10_000))
    throw badOption(call, 'lingerMs', 'a number from 0 to 10000', lingerMs);
  checkInteger(call, 'maxPending', maxPending, 1, 10_000_000);
  const settings: TopologySettings = {
    guarantee,
    lingerMs,
    maxPending,
    timeoutMs: durationMs(timeout, 'timeout', 1, call.callSite),
  };
  const batchInterval = durationMs(checkpointInterval, 'checkpointInterval', 1, call.callSite);
  return defineJob<A>(
    call,
    name,
    { ...rest, batchInterval },
    (ssc, args) => {
      const t = new TopologyBuilder(ssc, settings);
      build(t, args);
      t.finish(`topology ${JSON.stringify(name)} (${call.callSite})`);
    },
    topology,
  );
}
