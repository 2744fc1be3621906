import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ContextBuilder } from '../../../src/dstream/context-builder.ts';
import type { DStream } from '../../../src/dstream/dstream.ts';
import { createBody } from '../../../src/dstream/run/create-body.ts';
import { linesOf } from '../../../src/dstream/run/lines.ts';
import { type Blocks, drive, type Outcome, planOf, results } from './drive.ts';

describe('lines of a block', () => {
  const text = (bytes: string | Uint8Array): ReturnType<typeof linesOf> =>
    linesOf(Buffer.from(bytes as string));

  test('end at \\n, lose one \\r, and the last may lack its end', () => {
    expect(text('').lines).toEqual([]);
    expect(text('\n').lines).toEqual(['']);
    expect(text('a\r\n\r\r\n\nb\rc\nd').lines).toEqual(['a', '\r', '', 'b\rc', 'd']);
    expect(text('a\r').lines).toEqual(['a']);
    expect(text('é\r\n€\n').lines).toEqual(['é', '€']);
  });

  test('have U+FFFD for what is not UTF-8, and say how often', () => {
    expect(text(Buffer.from([0x61, 0xff, 0x62, 10, 0xef, 0xbf, 0xbd, 0xc3]))).toEqual({
      lines: ['a\uFFFDb', '\uFFFD\uFFFD'],
      invalid: 2,
    });
    expect(text('\uFFFD').invalid).toBe(0);
  });

  test('may lie in shared memory', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(8), 2, 4);
    shared.set(Buffer.from('a\nb\n'));
    expect(linesOf(shared).lines).toEqual(['a', 'b']);
  });
});

/** Lines of a socket, the one kind of source that is text in every plan. */
const socket = (ssc: ContextBuilder): DStream<string> => ssc.socketTextStream('localhost', 9999);
/** Each batch's partitions, each with its records in an order of their own. */
const unordered = ({ batches }: Outcome): unknown[] =>
  batches.map(({ results: { out } }) =>
    out?.map((part) => part.map((row) => JSON.stringify(row)).sort()),
  );
const byKey = (parts: readonly (readonly unknown[])[]): Map<unknown, unknown> =>
  new Map(parts.flat() as [unknown, unknown][]);

const piece = fc.constantFrom(
  'a',
  'b',
  'Ab',
  'word',
  'a-word-of-more-than-sixteen-bytes',
  ' ',
  '  ',
  '\t',
  '\n',
  '\r\n',
  '\r',
  ',',
  ',,',
  'é',
  '\u00a0',
  '\u2028',
  '\0',
  '€uro',
  '\uFFFD',
);
const block = fc.oneof(
  fc.array(piece, { maxLength: 30 }).map((all) => Buffer.from(`${all.join('')}\n`)),
  {
    arbitrary: fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from([...bytes, 10])),
    weight: 1,
  },
);
const partitions: fc.Arbitrary<Blocks[]> = fc.tuple(
  fc.array(block, { maxLength: 3 }),
  fc.array(block, { maxLength: 3 }),
);

const programs: Record<string, (lines: DStream<string>) => DStream<unknown>> = {
  'words().countByValue()': (lines) => lines.words().countByValue(),
  'words().count()': (lines) => lines.words().count(),
  'split().countByValue()': (lines) => lines.split(',').countByValue(),
  'grep().trim().toLowerCase().words().countByValue()': (lines) =>
    lines.grep('a').trim().toLowerCase().words().countByValue(),
  'countByValue()': (lines) => lines.countByValue(),
  'count()': (lines) => lines.count(),
  'words().countByValue() and more': (lines) =>
    lines
      .words()
      .countByValue()
      .mapValues((n) => n + 1),
};

test.each(Object.entries(programs))(
  '%s over bytes gives what closures give, recovered at every block or not',
  async (_, build) => {
    const planned = planOf((ssc) => build(socket(ssc)).collectAs('out'), { partitions: 2 });
    await fc.assert(
      fc.asyncProperty(partitions, partitions, async (one, two) => {
        const inputs = [[one, two]];
        const closures = await drive(planned, inputs, { kernels: false });
        for (const recoverEvery of [Number.POSITIVE_INFINITY, 1]) {
          const bytes = await drive(planned, inputs, { recoverEvery });
          expect(bytes.batches.map(({ error }) => error)).toEqual([undefined, undefined]);
          // Which partition holds a key is part of the result; the order of keys is not.
          expect(unordered(bytes)).toEqual(unordered(closures));
          expect([bytes.records, bytes.counted]).toEqual([closures.records, closures.counted]);
        }
      }),
      { numRuns: 40 },
    );
  },
);

test('kernels and closures may send to one countByValue', async () => {
  const planned = planOf(
    (ssc) => {
      const words = socket(ssc).words();
      words.union(ssc.inputStream<string>('in')).countByValue().collectAs('out');
    },
    { partitions: 1 },
  );
  const { batches } = await drive(planned, [[[['a b a\n']]], [[[['a', 'c']]]]]);
  expect(byKey(batches[0]!.results['out']!)).toEqual(
    new Map([
      ['a', 3],
      ['b', 1],
      ['c', 1],
    ]),
  );
});

test('a missing batch passes kernels too', async () => {
  const planned = planOf((ssc) => socket(ssc).words().countByValue().collectAs('out'));
  const { batches } = await drive(planned, [[undefined, [['a\n'], []]]]);
  expect(batches.map(({ results: all }) => all['out']?.flat())).toEqual([undefined, [['a', 1]]]);
});

test('invalid bytes are counted once each', async () => {
  const { counted, records } = await results(
    (s) => s,
    [[[new Uint8Array([0xff, 10, 0xfe, 0x61, 10])]]],
    { partitions: 1 },
  );
  expect([counted, records]).toEqual([{ invalidUtf8: 2 }, 2]);
});

test('declared pipelines run over bytes, and only those', () => {
  const bodies = (build: (ssc: ContextBuilder) => void, kernels?: boolean): string[] => {
    const planned = planOf(build, { partitions: 1 });
    const out = { emit: () => {}, absent: () => {}, mark: () => {}, report: () => {} };
    return planned.tasks.map(
      ({ id }) => createBody(planned, id, out, { kernels }).constructor.name,
    );
  };
  const declared = (ssc: ContextBuilder): void => void socket(ssc).words().countByValue().print();
  expect(bodies(declared)).toEqual(['KernelSourceBody', 'KernelCountBody', 'OutputsBody']);
  expect(bodies(declared, false)).toEqual(['SourceBody', 'WideBody', 'OutputsBody']);
  expect(bodies((ssc) => socket(ssc).words().count().print())).toEqual([
    'KernelSourceBody',
    'WideBody',
    'OutputsBody',
  ]);
  expect(
    bodies((ssc) =>
      socket(ssc)
        .words()
        .map((w) => w)
        .countByValue()
        .print(),
    ),
  ).toEqual(['SourceBody', 'WideBody', 'OutputsBody']);
});
