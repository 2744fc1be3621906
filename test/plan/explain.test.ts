import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { ContextBuilder } from '../../src/dstream/context-builder.ts';
import { sum } from '../../src/dstream/reducers.ts';
import { explain } from '../../src/plan/explain.ts';
import { plan } from '../../src/plan/planner.ts';

const HERE = fileURLToPath(new URL('.', import.meta.url));

/** The text with call sites cut to `file`, so that moving a line of this file changes nothing. */
const explained = (build: (ssc: ContextBuilder) => void, workers: number): string => {
  const ssc = new ContextBuilder();
  build(ssc);
  return explain(plan(ssc.freeze(), { workers }), { directory: HERE }).replaceAll(
    /explain\.test\.ts:\d+:\d+/g,
    'explain.test.ts',
  );
};

test('a plan shows the graph with call sites, the stages with their form, and the tasks of each worker', () => {
  const text = explained((ssc) => {
    ssc
      .socketTextStream('localhost', 9999)
      .flatMap((line) => line.split(' '))
      .map((word) => [word, 1] as const)
      .reduceByKey(sum)
      .print();
  }, 2);
  expect(text).toBe(`\
Graph
  socketTextStream#1  localhost:9999     2 partitions  explain.test.ts
  \`- flatMap#1                           2 partitions  explain.test.ts
     \`- map#1                            2 partitions  explain.test.ts
        \`- reduceByKey#1  reducer "sum"  2 partitions  explain.test.ts
           \`- print#1  n 10                            explain.test.ts

3 stages
  1  socketTextStream#1 > flatMap#1 > map#1 => reduceByKey#1  2 tasks  one loop, combined before the exchange
  2  reduceByKey#1 => print#1                                 2 tasks  merged by key
  3  print#1                                                  1 task   the output

5 tasks on 2 workers
  worker 0  socketTextStream#1[0]  reduceByKey#1[0]  outputs
  worker 1  socketTextStream#1[1]  reduceByKey#1[1]
  edges     2 from sources, 3 within a worker, 3 between workers
`);
});

test('a plan shows what lies by key already, what is joined, and who keeps state', () => {
  const text = explained((ssc) => {
    const pairs = ssc.queueStream<readonly [string, number]>([]);
    const sums = pairs.reduceByKey(sum);
    sums
      .updateStateByKey((values: readonly number[], state: number = 0) => state + values.length)
      .join(pairs.window(2000))
      .print();
  }, 1);
  expect(text).toContain('`- window#1  windowMs 2000 ');
  expect(text.slice(text.indexOf('4 stages'), text.indexOf('4 tasks'))).toBe(`\
4 stages
  1  queueStream#1 [> window#1 => join#1 | => reduceByKey#1]  1 task  combined before the exchange, keeps state: window#1
  2  reduceByKey#1 > updateStateByKey#1 -> join#1             1 task  merged by key, keeps state: updateStateByKey#1
  3  join#1 => print#1                                        1 task  joined by key
  4  print#1                                                  1 task  the output

`);
});

test('a plan names kernels, shows where branches meet, and says what does not run', () => {
  const text = explained((ssc) => {
    const lines = ssc.textFileStream('/in').named('lines');
    lines.trim().words().countByValue().print();
    const more = ssc.queueStream([['a']]);
    more.map((line) => line.length);
    const words = ssc.inputStream<string>('words');
    words.union(more).count().collectAs('n');
  }, 1);
  expect(text).toContain('kernel over bytes (trim, words, countByValue)');
  expect(text).toMatch(/lines \(files\) {2}directory "\/in"/);
  expect(text).toMatch(/map#1 +not run: no output/);
  expect(text).toMatch(/`- union#1 +2 partitions/);
  expect(text).toMatch(/\|- to union#1|`- to union#1/);
  expect(text).toContain('print#1, collectAs#1');
});
