/**
 * Counts the words that a TCP server sends from the beginning on, and tells of words that stopped coming. In one terminal
 * a server, in another the job:
 *
 *     nc -lk 9999
 *     npx millrace run examples/stateful-wordcount.ts --args '{"host":"localhost","port":9999}'
 *
 * While it runs, a program that embeds it may ask for a word: `await running.query('totals', 'be')`.
 */
import { job, type State, sum } from 'millrace';

export default job(
  'stateful-wordcount',
  { batchInterval: '1s' },
  (ssc, args: { host: string; port: number; idle?: string }) => {
    const counts = ssc
      .socketTextStream(args.host, args.port)
      .flatMap((line) => line.split(' '))
      .map((word) => [word, 1] as const)
      .reduceByKey(sum);

    // All words and their totals, at every batch.
    counts
      .updateStateByKey((values, total: number = 0) => values.reduce((a, b) => a + b, total))
      .named('totals')
      .print();

    // Words of this batch only, and a last word about those that have been idle.
    counts
      .mapWithState(
        (word, count, state: State<number>) => {
          if (state.isTimingOut()) return `${word} stopped after ${state.get()}`;
          state.update((state.getOption() ?? 0) + (count ?? 0));
          return undefined;
        },
        { timeout: args.idle ?? '30s' },
      )
      .print();
  },
);
