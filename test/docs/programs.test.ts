/** Every ts block of the pages compiles against the built package, and those that say what they give or print are run. */
import type { DStream } from 'millrace';
import { runBatches, type BatchesResult } from 'millrace/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { membersOfStreams } from '../dstream/members.ts';
import { page, pages, type Fence } from './pages.ts';
import { compilePages, isProgram, type Program, type Programs } from './programs.ts';

const DSTREAM = 'docs/dstream.md';
const EXAMPLES: readonly string[] = [DSTREAM, 'docs/event-time.md'];
let programs: Programs;

beforeAll(() => {
  programs = compilePages();
});

afterAll(() => programs.remove());

const fences = pages().flatMap(({ path, fences: all }) =>
  all.filter(isProgram).map((fence) => ({ path, fence })),
);

function programAt(title: string): Program {
  return programs.all.find((each) => each.title === title)!;
}

it('all blocks compile', () => {
  expect(programs.errors).toEqual([]);
  expect(programs.all).toHaveLength(fences.length);
});

describe('examples of operators', () => {
  type Builder = (ssc: unknown, streams: Record<string, unknown>) => DStream<unknown> | void;
  const those = (which: RegExp): readonly (readonly [string, string, Fence])[] =>
    fences
      .filter(({ path, fence }) => EXAMPLES.includes(path) && which.test(fence.text))
      .map(({ path, fence }) => [`${path}, ${fence.heading}, line ${fence.line}`, path, fence]);

  /** Runs the example on the streams that its page makes at its head. */
  async function resultOf(path: string, fence: Fence, partitions = 1): Promise<BatchesResult> {
    const example = programAt(`${path}:${fence.line}`);
    const head = programs.all.find((each) => each.page === path && !each.isFragment)!;
    const inputs = (await import(/* @vite-ignore */ head.url)) as Record<string, never[][]>;
    const names = Object.keys(inputs);
    const { default: build } = (await import(/* @vite-ignore */ example.url)) as {
      default: Builder;
    };
    return runBatches({ inputs: Object.values(inputs), partitions }, (ssc, ...streams) =>
      build(ssc, Object.fromEntries(names.map((name, n) => [name, streams[n]]))),
    );
  }

  it.each(those(/^\/\/ gives/m))('%s, gives what it says', async (_, path, fence) => {
    const [, two, text] = /^\/\/ gives(, in two partitions,)? (.*)$/m.exec(fence.text)!;
    const { batches, errors } = await resultOf(path, fence, two === undefined ? 1 : 2);
    const one = batches.every(({ partitions }) => partitions.length === 1);
    const given = batches.map(({ values, partitions }) => (one ? values : partitions));
    expect(errors).toEqual([]);
    expect(given).toEqual(text!.split(', then ').map(literal));
  });

  it.each(those(/^\/\/ prints/m))('%s, prints what it says', async (_, path, fence) => {
    const lines = fence.text.split('\n').filter((line) => line.startsWith('//'));
    const text = lines.slice(1).map((line) => `${line.slice(3)}\n`);
    const { printed } = await resultOf(path, fence);
    expect(printed.startsWith(text.join('')), printed).toBe(true);
  });

  it('there is one for each operator, source and output', () => {
    const shown = new Set(
      fences.filter(({ path }) => path === DSTREAM).map(({ fence }) => fence.heading),
    );
    const operators = membersOfStreams();
    const sources = [
      'socketTextStream',
      'socketStream',
      'textFileStream',
      'fileStream',
      'binaryRecordsStream',
      'receiverStream',
      'fromAsyncIterable',
      'queueStream',
      'inputStream',
      'ssc.union',
    ];
    expect([...operators, ...sources].filter((name) => !shown.has(name))).toEqual([]);
    const { text } = page(DSTREAM);
    expect(operators.filter((name) => !text.includes(`\`${name}\``) && name !== 'named')).toEqual(
      [],
    );
  });
});

describe('programs that test themselves', () => {
  const self = fences.filter(({ fence }) =>
    /from '(millrace\/testing|node:assert\/strict)'/.test(fence.text),
  );
  it.each(self.map(({ path, fence }) => `${path}:${fence.line}`))('%s', async (title) => {
    await expect(import(/* @vite-ignore */ programAt(title).url)).resolves.toBeDefined();
  });
});

/** The value of a literal that a page shows. */
function literal(text: string): unknown {
  return new Function(`return ${text};`)();
}
