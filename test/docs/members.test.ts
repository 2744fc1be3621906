/** docs/getting-started.md names every event and every member of a run, and no other. */
import { expect, it } from 'vitest';
import { Run, type RunEvent } from '../../src/run/running.ts';
import { page, tableBelow } from './pages.ts';

const PAGE = page('docs/getting-started.md');
/** The compiler says when one is missing here. */
const TYPES: Readonly<Record<RunEvent['type'], true>> = {
  started: true,
  recovering: true,
  streamingStarted: true,
  batchSubmitted: true,
  batchStarted: true,
  outputStarted: true,
  outputCompleted: true,
  batchCompleted: true,
  batchFailed: true,
  deadLetter: true,
  receiverStarted: true,
  receiverError: true,
  receiverStopped: true,
  sourceState: true,
  possibleGap: true,
  counted: true,
  actorStarted: true,
  actorExited: true,
  workerWanted: true,
  restarted: true,
  checkpointCompleted: true,
  degraded: true,
  recovered: true,
  batchesSkipped: true,
  givingUp: true,
  hint: true,
  drained: true,
  failed: true,
};
/** For the rooms next to it, or of no use by itself. */
const OTHERS = ['constructor', 'listener', 'hint', 'giveUp', 'collected', 'start'];

const words = (cell: string): string[] => cell.split(/,? /).map((each) => each.replace(/\(.*/, ''));

it('events', () => {
  const shown = tableBelow(PAGE, 'Events').flatMap(([type]) => type!.split(', '));
  expect(new Set(shown)).toEqual(new Set(Object.keys(TYPES)));
});

it('members of a run', () => {
  const shown = tableBelow(PAGE, 'Run it in your program').flatMap(([cell]) => words(cell!));
  const members = Object.getOwnPropertyNames(Run.prototype).filter(
    (name) => !OTHERS.includes(name),
  );
  expect(shown.filter((name) => name in Run.prototype).sort()).toEqual(members.sort());
});
