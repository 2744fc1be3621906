/**
 * The job of this folder's scripts: numbered records over TCP, given out as they came (`records`), and counted by key
 * (`counts`). At `map` and at `sink` a script may order faults.
 */
import { job } from 'millrace';
import { faultPoint, type Faults } from 'millrace/testing';

interface Args {
  /** Ports of the servers; `second` and `third` may be missing. */
  readonly port: number;
  readonly second?: number;
  readonly third?: number;
  readonly faults?: Faults;
}

export default job('numbers', { batchInterval: '250ms' }, (ssc, args: Args) => {
  const map = faultPoint(args.faults, 'map');
  const sink = faultPoint(args.faults, 'sink');
  const streams = [args.port, args.second, args.third]
    .filter((port) => port !== undefined)
    .map((port) =>
      ssc.socketTextStream('127.0.0.1', port, { hello: ({ bytes }) => `position ${bytes}\n` }),
    );
  const lines = ssc.union(streams).map((line) => {
    map.pass(line);
    return line;
  });
  lines.collectAs('records');
  lines
    .map((line) => [line.split(' ', 1)[0]!, 1] as const)
    .reduceByKey((a, b) => a + b)
    .collectAs('counts');
  lines.count().foreachBatch((_, time) => sink.pass(time));
});
