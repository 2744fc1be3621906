/**
 * The job of scripts that kill its process: numbered records over TCP, given to transactional files as they came (`records`),
 * counted by key and batch (`counts`), and once more by a state that lives as long as the job (`totals`: a pair
 * `[key, 1]` for each time that the state went up by one).
 */
import { files, job, type State } from 'millrace';

interface Args {
  readonly port: number;
  /** Directories. */
  readonly records: string;
  readonly counts: string;
  readonly totals: string;
}

export default job('durable', { batchInterval: '250ms' }, (ssc, args: Args) => {
  const lines = ssc.socketTextStream('127.0.0.1', args.port, {
    hello: ({ bytes }) => `position ${bytes}\n`,
  });
  lines.to(files(args.records));
  const pairs = lines.map((line) => [line.split(' ', 1)[0]!, 1] as const);
  pairs.reduceByKey((a, b) => a + b).to(files(args.counts));
  pairs
    .mapWithState((key, _one, state: State<number>) => {
      const total = state.getOption() ?? 0;
      state.update(total + 1);
      return [key, state.get() - total] as const;
    })
    .to(files(args.totals));
});
