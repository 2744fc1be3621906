import { describe, expect, test } from 'vitest';
import { ContextBuilder } from '../../src/dstream/context-builder.ts';
import type { DStream } from '../../src/dstream/dstream.ts';
import { plan } from '../../src/plan/planner.ts';
import { type TextProgram, textProgramAt } from '../../src/plan/text-program.ts';

type Lines = DStream<string>;

/** The program of the first task, for lines of a socket unless another source is given. */
const programOf = (
  build: (lines: Lines) => void,
  source: (ssc: ContextBuilder) => Lines = (ssc) => ssc.socketTextStream('h', 1),
): TextProgram | undefined => {
  const ssc = new ContextBuilder();
  build(source(ssc));
  const planned = plan(ssc.freeze(), { workers: 2 });
  const task = planned.tasks[0];
  if (task === undefined || task.kind === 'outputs') throw new Error('no source task');
  const found = textProgramAt(planned.graph, task.tree);
  if (found !== undefined)
    expect(planned.graph.nodes[found.send.node]?.kind).toBe(found.program.aggregate);
  return found?.program;
};

describe('a kernel takes', () => {
  test('words counted by value', () => {
    expect(programOf((lines) => lines.words().countByValue().print())).toEqual({
      transforms: [],
      tokens: { op: 'words' },
      aggregate: 'countByValue',
    });
  });

  test('transforms of lines in their order, then parts between an ASCII character', () => {
    expect(
      programOf((lines) => lines.grep('é').trim().toLowerCase().split(',').count().print()),
    ).toEqual({
      transforms: [{ op: 'grep', needle: 'é' }, { op: 'trim' }, { op: 'toLowerCase' }],
      tokens: { op: 'split', separator: ',' },
      aggregate: 'count',
    });
  });

  test('whole lines, and files', () => {
    expect(
      programOf(
        (lines) => lines.countByValue().print(),
        (ssc) => ssc.textFileStream('/d'),
      )?.tokens,
    ).toEqual({ op: 'lines' });
  });
});

describe('the closure form is left', () => {
  const refused: Readonly<Record<string, (lines: Lines) => void>> = {
    'a function': (lines) =>
      lines
        .map((line) => line)
        .countByValue()
        .print(),
    'a pattern': (lines) => lines.grep(/a/).countByValue().print(),
    'a text that no bytes can spell': (lines) => lines.grep('\ud800').countByValue().print(),
    'the empty text': (lines) => lines.grep('').countByValue().print(),
    'a transform of words': (lines) => lines.words().toLowerCase().countByValue().print(),
    'words of words': (lines) => lines.words().split(',').countByValue().print(),
    'a long separator': (lines) => lines.split(', ').countByValue().print(),
    'a separator beyond ASCII': (lines) => lines.split('é').countByValue().print(),
    'an empty separator': (lines) => lines.split('').countByValue().print(),
    'a newline as separator': (lines) => lines.split('\n').countByValue().print(),
    'words that go to an output': (lines) => lines.words().print(),
    'another aggregate': (lines) => lines.words().repartition(2).print(),
    'lines with a second use': (lines) => {
      lines.words().countByValue().print();
      lines.print();
    },
    'words with a second use': (lines) => {
      const words = lines.words();
      words.countByValue().print();
      words.count().print();
    },
  };
  test.each(Object.keys(refused))('%s', (name) => {
    expect(programOf(refused[name] as (lines: Lines) => void)).toBeUndefined();
  });

  test('records that are no text of a source', () => {
    const queue = (ssc: ContextBuilder): Lines => ssc.queueStream([['a b']]);
    expect(programOf((lines) => lines.words().countByValue().print(), queue)).toBeUndefined();
  });
});
