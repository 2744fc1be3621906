/** docs/from-spark.md: each member of Millrace that it names is there, and no public member of Spark's is missing. */
import { describe, expect, it } from 'vitest';
import * as millrace from '../../src/index.ts';
import * as testing from '../../src/testing/index.ts';
import { StateHandle } from '../../src/dstream/state/state-handle.ts';
import { page, tableBelow } from './pages.ts';

const PAGE = page('docs/from-spark.md');
const OPTIONS = page('docs/options.md');

/** `onStart` is everyone's own. */
class Nothing extends millrace.Receiver {
  onStart(): void {}
}

const has = (prototype: object) => (name: string) => name in prototype;
const EVENTS = new Set(
  tableBelow(page('docs/getting-started.md'), 'Events').flatMap(([type]) => type!.split(', ')),
);

/** What a name before the dot stands for. */
const MEMBERS: Readonly<Record<string, (name: string) => boolean>> = {
  ssc: has(millrace.StreamingContext.prototype),
  StreamingContext: has(millrace.StreamingContext),
  stream: has(millrace.DStream.prototype),
  batch: has(millrace.Batch.prototype),
  Batch: has(millrace.Batch),
  run: has(millrace.Run.prototype),
  receiver: has(Nothing.prototype),
  state: has(StateHandle.prototype),
  listener: (name) => EVENTS.has(name[2]!.toLowerCase() + name.slice(3)),
};

const optionNames = new Set(
  OPTIONS.text.split('\n').flatMap((line) => /^\| `(\w+)` \|/.exec(line)?.[1] ?? []),
);

/** Keys of Spark's look like members. */
const prose = PAGE.prose.replace(/^## Configuration$[^]*?(?=^## )/m, '');
const named = [...prose.matchAll(/`(\w+)\.(\w+)`/g)]
  .filter(([, owner]) => owner! in MEMBERS)
  .map(([, owner, name]) => [owner!, name!] as const);

it('names many members', () => {
  expect(named.length).toBeGreaterThan(120);
});

it('each member that is named is there', () => {
  expect(named.filter(([owner, name]) => !MEMBERS[owner]!(name))).toEqual([]);
});

describe.each([
  'StreamingContext',
  'DStream',
  'Pairs',
  'State',
  'Listeners',
  'Receivers',
  'Java and Python',
])('%s', (heading) => {
  it('the middle column has members, exports, or a dash', () => {
    const wrong = tableBelow(PAGE, heading)
      .flatMap(([, cell]) => cell!.split(' '))
      .filter((word) => !isThere(word));
    expect(wrong).toEqual([]);
  });
});

it('options in the middle column are those of the code', () => {
  const named = tableBelow(PAGE, 'Configuration').map(([, cell]) => cell!);
  expect(named.filter((name) => name !== '–' && !optionNames.has(name))).toEqual([]);
});

function isThere(word: string): boolean {
  const [owner = '', name] = word.split('.');
  if (word === '–') return true;
  if (name === undefined) return word in millrace || word in testing;
  return MEMBERS[owner]?.(name) ?? false;
}

/** Public members of Spark 3.5, as its documentation of the API lists them. */
const SPARK: Readonly<Record<string, string>> = {
  StreamingContext: `getOrCreate getActive getActiveOrCreate checkpoint remember socketTextStream socketStream
    rawSocketStream textFileStream fileStream binaryRecordsStream queueStream receiverStream union transform
    addStreamingListener removeStreamingListener getState start awaitTermination awaitTerminationOrTimeout stop
    sparkContext`,
  DStream: `map flatMap filter mapPartitions glom repartition reduce count countByValue union transform
    transformWith window reduceByWindow countByWindow countByValueAndWindow slice persist cache checkpoint print
    foreachRDD saveAsTextFiles saveAsObjectFiles context slideDuration dependencies compute register`,
  Pairs: `groupByKey reduceByKey combineByKey mapValues flatMapValues join leftOuterJoin rightOuterJoin
    fullOuterJoin cogroup groupByKeyAndWindow reduceByKeyAndWindow updateStateByKey mapWithState
    saveAsHadoopFiles saveAsNewAPIHadoopFiles`,
  State: 'exists get getOption update remove isTimingOut stateSnapshots',
  Listeners: `onStreamingStarted onBatchSubmitted onBatchStarted onBatchCompleted onOutputOperationStarted
    onOutputOperationCompleted onReceiverStarted onReceiverError onReceiverStopped StatsReportListener`,
  Receivers: `onStart onStop store restart stop reportError isStarted isStopped streamId preferredLocation`,
};

it.each(Object.entries(SPARK))('%s: no public member of Spark is missing', (heading, members) => {
  const shown = new Set(tableBelow(PAGE, heading).flatMap(([cell]) => cell!.match(/\w+/g) ?? []));
  expect(members.split(/\s+/).filter((name) => !shown.has(name))).toEqual([]);
});
