/**
 * Jobs under this test runner. The job's file is loaded twice there: by vitest for the test, and by Node alone in each
 * worker thread. `millrace` itself is the built package, loaded by Node.
 */
import { type Run, job, run } from 'millrace';
import { describe, expect, it, vi } from 'vitest';
import shout from '../fixtures/jobs/shout.ts';

// Threads know nothing of it.
vi.mock('../fixtures/jobs/text.ts', () => ({ shout: (line: string) => `mocked ${line}` }));

async function wordsOf(running: Run): Promise<string[]> {
  const words: unknown[] = [];
  const reading = (async () => {
    for await (const { values } of running.results('out')) words.push(...values);
  })();
  await running.input('lines').push(['a b', 'c']);
  await running.stop();
  await reading;
  return (words as string[]).sort();
}

const inThisFile = job('in-this-file', { batchInterval: 50 }, (ssc) => {
  ssc
    .inputStream<string>('lines')
    .flatMap((line) => line.split(' '))
    .map((word) => word + suffix)
    .collectAs('out');
});
const suffix = '%';

describe('under vitest', () => {
  it('a job of its own module runs on threads, which load the module without mocks', async () => {
    expect(shout).toMatchObject({
      origin: 'module',
      url: new URL('../fixtures/jobs/shout.ts', import.meta.url).href,
    });
    expect(await wordsOf(await run(shout, { threads: 2, args: { prefix: '-' } }))).toEqual([
      '-A!',
      '-B!',
      '-C!',
    ]);
  });

  it('without a number of threads it runs in this one, where closures and mocks work', async () => {
    expect(await wordsOf(await run(shout))).toEqual(['mocked a!', 'mocked b!', 'mocked c!']);
    expect(await wordsOf(await run(inThisFile))).toEqual(['a%', 'b%', 'c%']);
  });

  it('a URL is a second copy of the module, loaded by Node', async () => {
    const url = new URL('../fixtures/jobs/shout.ts', import.meta.url);
    expect(await wordsOf(await run(url, { threads: 1 }))).toEqual(['A!', 'B!', 'C!']);
  });

  it.each([
    ['at the top level of a test file', () => inThisFile],
    ['in a test', () => job('in-a-test', (ssc) => ssc.inputStream('lines').print())],
  ])('a job %s is refused on threads', async (_where, made) => {
    await expect(run(made(), { threads: 1 })).rejects.toMatchObject({
      code: 'ERR_MILLRACE_JOB_NOT_LOADABLE',
      message: expect.stringMatching(
        /vitest\.test\.ts:\d+:\d+\) can't be loaded .* test file.* or use threads: 0$/,
      ),
    });
  });
});
