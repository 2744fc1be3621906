/** `run.actors()`: the tree of a job, in the calling thread and on threads, before and behind a death. */
import { run, type JobActor } from 'millrace';
import { expect, it } from 'vitest';
import { job } from '../../src/dstream/job.ts';
import { startRun } from '../../src/run/run.ts';

const shown = ({ name, role, state, children }: JobActor, depth = 0): string[] => [
  `${'  '.repeat(depth)}${role} ${name}: ${state}`,
  ...children.flatMap((child) => shown(child, depth + 1)),
];

const find = (actor: JobActor, role: string): JobActor[] =>
  (actor.role === role ? [actor] : []).concat(actor.children.flatMap((each) => find(each, role)));

it('with threads 0: coordinator, sources and tasks in the calling thread', async () => {
  const counts = job('counts', { batchInterval: 20 }, (ssc) => {
    ssc.inputStream<string>('words').countByValue(1).collectAs('counts');
  });
  const running = await startRun(counts as never, { threads: 0 });
  await running.results('counts').next();
  expect(shown(running.actors())).toEqual([
    'job counts: active',
    '  coordinator coordinator: up',
    '  sources sources: up',
    '    source inputStream#1: connected',
    '  region region: up',
    '    task inputStream#1[0]: up',
    '    task countByValue#1[0]: up',
    '    task outputs: up',
    '  drainer drainer: waiting',
  ]);
  const [region] = find(running.actors(), 'region');
  expect(region).toMatchObject({ path: 'counts/region', incarnation: 1, restarts: 0 });
  expect(find(running.actors(), 'task').every(({ slot }) => slot === undefined)).toBe(true);
  await running.stop();
  const states = new Set(shown(running.actors()).map((line) => line.split(': ')[1]));
  expect(states).toEqual(new Set(['stopped', 'down']));
});

it('with threads: a death shows in its thread, and in the region', async () => {
  const file = new URL('../fixtures/jobs/ledger-exactly.js', import.meta.url);
  const running = await run(file, {
    threads: 2,
    args: { count: 1_000_000, rate: 2000 },
  } as never);
  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  await until(() => find(running.actors(), 'region')[0]!.state === 'up');
  const before = running.actors();
  const [task] = find(before, 'task');
  expect(find(before, 'spare')).toHaveLength(1);
  expect(find(before, 'source').map(({ name }) => name)).toEqual(['numbers']);
  running.kill(task!.slot!);
  await until(() => find(running.actors(), 'region')[0]!.restarts === 1);
  await until(() => find(running.actors(), 'region')[0]!.state === 'up');
  const [region] = find(running.actors(), 'region');
  expect(region).toMatchObject({ incarnation: 2, restarts: 1 });
  expect(region!.lastExit).toMatch(/worker \d+/);
  const [same] = find(running.actors(), 'task');
  expect(same).toMatchObject({ path: task!.path, incarnation: 2 });
  expect(same!.slot).not.toBe(task!.slot);
  const sources = running.threads().find(({ role }) => role === 'sources')!;
  running.kill(sources.slot);
  await until(() => find(running.actors(), 'sources')[0]!.incarnation === 2);
  expect(find(running.actors(), 'sources')[0]).toMatchObject({ restarts: 1, lastExit: 'killed' });
  await running.stop({ graceful: false });
});
