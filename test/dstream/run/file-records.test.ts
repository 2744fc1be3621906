/** The records of a file's pieces, whole or one by one, and what is none. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FileRecords, type FilePiece } from '../../../src/dstream/run/file-records.ts';
import type { GraphNode } from '../../../src/plan/graph.ts';

interface Read {
  readonly records: unknown[];
  readonly bad: [string | undefined, number | undefined, string][];
}

function reader(params: object): FileRecords & { readonly bad: Read['bad'] } {
  const bad: Read['bad'] = [];
  const files = new FileRecords({ params } as unknown as GraphNode, ({ at }, text) =>
    bad.push([at?.file, at?.line, text]),
  );
  return Object.assign(files, { bad });
}

function read(params: object, ...pieces: FilePiece[]): Read {
  const files = reader(params);
  return { records: files.records(pieces), bad: files.bad };
}

const bytes = (text: string): Buffer => Buffer.from(text);

describe('JSON', () => {
  it('is a value a line; what is none is told of with file and line', () => {
    const text = '\uFEFF{"a":1}\r\n\n[1]\nnull\nnone\n"last"';
    expect(read({ format: 'json' }, ['/f', 0, bytes(text)], ['/f', 41, bytes('{\n2\n')])).toEqual({
      records: [{ a: 1 }, [1], null, 'last', 2],
      bad: [
        ['/f', 5, 'none'],
        ['/f', 42, '{'],
      ],
    });
  });
});

describe('CSV', () => {
  it('counts lines within quotes, and leaves the header of each file out', () => {
    const header = 'a,b\n';
    const pieces: FilePiece[] = [
      ['/f', 0, bytes('a,b\n"x\ny",1\nlost\n'), header],
      ['/f', 4, bytes('z,2\n"no end,3'), header],
      ['/g', 0, bytes('b,a\r\n1,2\r\n'), 'b,a\r\n'],
    ];
    expect(read({ format: 'csv', header: true }, ...pieces)).toEqual({
      records: [
        { a: 'x\ny', b: '1' },
        { a: 'z', b: '2' },
        { b: '1', a: '2' },
      ],
      bad: [
        ['/f', 4, 'lost'],
        ['/f', 6, '"no end,3'],
      ],
    });
  });

  it('is arrays without a header, of any length', () => {
    expect(read({ format: 'csv', separator: ';' }, ['/f', 0, bytes('a;b\n\nc\n')]).records).toEqual(
      [['a', 'b'], ['c']],
    );
  });
});

it('bytes are records of one length, each with memory of its own', () => {
  const piece: FilePiece = ['/f', 0, bytes('aabbcc')];
  const { records } = read({ format: 'binary', recordLength: 2 }, piece);
  expect(records.map((each) => Buffer.from(each as Uint8Array).toString())).toEqual([
    'aa',
    'bb',
    'cc',
  ]);
  expect(new Set(records.map((each) => (each as Uint8Array).buffer)).size).toBe(3);
});

it('one by one they are the same, with the same places', () => {
  const line = fc.constantFrom('{"a":1}', '[2]', '', 'none', '"x,""y""",1', 'a,b', '"', 'é,1');
  const formats = [
    { format: 'json' },
    { format: 'csv' },
    { format: 'csv', header: ['p', 'q'] },
    { format: 'binary', recordLength: 1 },
  ];
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), fc.constantFrom(...formats), (lines, params) => {
      const whole: FilePiece = ['/f', 7, bytes(lines.map((each) => `${each}\n`).join(''))];
      expect(read(params, ...reader(params).single(whole))).toEqual(read(params, whole));
    }),
  );
});
