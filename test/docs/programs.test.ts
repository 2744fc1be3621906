/** Every ts block of the pages compiles against the built package, and those that say what they give or print are run. */
import type { DStream } from 'millrace';
import { runBatches } from 'millrace/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DStream as Streams } from '../../src/dstream/dstream.ts';
import { page, pages } from './pages.ts';
import { compilePages, type Program, type Programs } from './programs.ts';

const DSTREAM = 'docs/dstream.md';
let programs: Programs;

beforeAll(() => {
  programs = compilePages();
});

afterAll(() => programs.remove());

const fences = pages().flatMap(({ path, fences: all }) =>
  all.filter(({ language }) => language === 'ts').map((fence) => ({ path, fence })),
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
  const told = fences.filter(({ path, fence }) => path === DSTREAM && /^\/\/ (gives|prints)/m.test(fence.text));

  it.each(told.map(({ path, fence }) => [`${fence.heading}, ${path}:${fence.line}`, fence] as const))('%s', async (_, fence) => {
    const example = programAt(`${DSTREAM}:${fence.line}`);
    const { default: build } = (await import(/* @vite-ignore */ example.url)) as { default: Builder };
    const inputs = await inputsOfPage();
    const names = Object.keys(inputs);
    const text = fence.text.replaceAll(/^\/\/ ?/gm, '');
    const partitions = text.includes('gives, in two partitions,') ? 2 : 1;
    const out = await runBatches({ inputs: Object.values(inputs) as never[][][], partitions }, (ssc, ...streams) =>
      build(ssc, Object.fromEntries(names.map((name, n) => [name, streams[n]]))),
    );
    expect(out.errors).toEqual([]);
    const printed = /^prints\n([^]*)$/m.exec(text)?.[1];
    if (printed !== undefined) {
      expect(out.printed.slice(0, printed.length)).toBe(printed);
      return;
    }
    const gives = /^gives(?:, in two partitions,)? (.*)$/m.exec(text)![1]!;
    const wanted = gives.split(', then ').map(literal);
    const one = out.batches.every((batch) => batch.partitions.length === 1);
    expect(out.batches.map((batch) => (one ? batch.values : batch.partitions))).toEqual(wanted);
  });

  it('there is one for each operator, source and output', () => {
    const shown = new Set(fences.filter(({ path }) => path === DSTREAM).map(({ fence }) => fence.heading));
    const operators = Object.getOwnPropertyNames(Streams.prototype).filter((name) => name !== 'constructor');
    const sources = ['socketTextStream', 'textFileStream', 'queueStream', 'inputStream', 'ssc.union'];
    expect([...operators, ...sources].filter((name) => !shown.has(name))).toEqual([]);
    const { text } = page(DSTREAM);
    expect(operators.filter((name) => !text.includes(`\`${name}\``) && name !== 'named')).toEqual([]);
  });

  async function inputsOfPage(): Promise<Record<string, unknown>> {
    const made = programs.all.find((each) => each.page === DSTREAM && !each.isFragment)!;
    return { ...((await import(/* @vite-ignore */ made.url)) as object) };
  }
});

describe('programs that test themselves', () => {
  const self = fences.filter(({ fence }) => /from 'millrace\/testing'/.test(fence.text));
  it.each(self.map(({ path, fence }) => `${path}:${fence.line}`))('%s', async (title) => {
    await import(/* @vite-ignore */ programAt(title).url);
  });
});

/** The value of a literal that a page shows. */
function literal(text: string): unknown {
  return new Function(`return ${text};`)();
}
