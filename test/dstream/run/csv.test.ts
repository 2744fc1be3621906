/** CSV as RFC 4180 has it: whatever a writer that follows it writes is read back, and what isn't CSV is said to be none. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CsvReader } from '../../../src/dstream/run/csv.ts';

interface Read {
  readonly records: string[][];
  readonly faults: string[];
}

function read(text: string, separator = ','): Read {
  const reader = new CsvReader(separator);
  const [records, faults]: [string[][], string[]] = [[], []];
  for (let from = 0; from < text.length;) {
    from = reader.read(text, from);
    if (reader.fault === undefined) records.push(reader.fields);
    else faults.push(reader.fault);
  }
  return { records, faults };
}

describe('CsvReader', () => {
  it.each([
    [
      'a,b\nc,d\n',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    [
      'a,b\r\nc,d',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    ['"a","b"\r\n', [['a', 'b']]],
    [',\n', [['', '']]],
    ['"","x"\n', [['', 'x']]],
    ['"say ""hello"", please",2\n', [['say "hello", please', '2']]],
    [
      '"two\nlines",1\nnext,2\n',
      [
        ['two\nlines', '1'],
        ['next', '2'],
      ],
    ],
    ['5" disk,a "b" c\n', [['5" disk', 'a "b" c']]],
    ['a,"b"', [['a', 'b']]],
    ['"a"\r', [['a']]],
  ])('reads %j', (text, records) => {
    expect(read(text)).toEqual({ records, faults: [] });
  });

  it('says what is none, and goes on behind it', () => {
    expect(read('"a"x,1\nb,2\n')).toEqual({
      records: [['b', '2']],
      faults: ['there is text behind a closing quote'],
    });
    expect(read('a,1\n"no end,2\n')).toEqual({
      records: [['a', '1']],
      faults: ['a quote has no other half'],
    });
  });

  it('reads what a writer wrote, with any separator', () => {
    const field = fc.string({ unit: fc.constantFrom('a', 'é', '"', ',', ';', '\n', '\r\n', ' ') });
    fc.assert(
      fc.property(
        fc.array(fc.array(field, { minLength: 2, maxLength: 4 }), { minLength: 1, maxLength: 5 }),
        fc.constantFrom(',', ';', '\t'),
        fc.constantFrom('\n', '\r\n'),
        (records, separator, end) => {
          const written = (value: string): string =>
            /["\r\n]/.test(value) || value.includes(separator)
              ? `"${value.replaceAll('"', '""')}"`
              : value;
          const text = records.map((fields) => fields.map(written).join(separator) + end).join('');
          expect(read(text, separator)).toEqual({ records, faults: [] });
        },
      ),
      { numRuns: 300 },
    );
  });
});
