/**
 * From a manifest to the tasks of a job as it is now: which hand-overs each goes on from. Those are the ones of every task
 * of the checkpoint that had a state which it has now. A state is an operator's in a partition, whatever task it lies in
 * (`uid[partition]`).
 *
 * I1  A task passes over what it hasn't. What it has and must not get (its state is let go) is taken out beforehand.
 */
import { handOverName, sealed, unsealed } from '../actors/hand-over-file.ts';
import { readPart, stateOf, statesIn, writePart } from '../dstream/state/part.ts';
import type { Disk } from '../env/env.ts';
import type { StartPoint } from '../supervision/checkpoint/checkpoint-spec.ts';
import { partPath, stateDirectory } from '../supervision/checkpoint/manifest-file.ts';
import type { Manifest, StoredTask } from '../supervision/checkpoint/manifest.ts';

type NewTask = Omit<StoredTask, 'parts'>;

export interface StartOptions {
  readonly disk: Disk;
  readonly directory: string;
  readonly manifest: Manifest;
  /** Of the new plan, by task id. */
  readonly tasks: readonly NewTask[];
  /** Uids whose state is let go. */
  readonly dropped: ReadonlySet<string>;
  /** Of the start; no file has it yet. */
  readonly epoch: number;
}

/** Where a start goes on, in words of the new plan. */
export async function startAt(options: StartOptions): Promise<StartPoint> {
  const { disk, directory, manifest, tasks } = options;
  const { barrier, skip, publish, poison } = manifest;
  const { parts, written } = mapped(options);
  for (const path of written) await disk.sync(path);
  if (written.length > 0) await disk.sync(stateDirectory(directory));
  return {
    barrier,
    point: {
      barrier: barrier.number,
      batchStart: barrier.number,
      offsets: [],
      parts,
      skip,
      records: 0,
      ...(publish.length === 0 ? {} : { publish }),
      ...(poison === undefined ? {} : { poison: renumbered(poison, manifest, tasks) }),
    },
  };
}

/** Paths by task id, and those of them that are new and to be synced. */
function mapped({ disk, directory, manifest, tasks, dropped, epoch }: StartOptions): {
  readonly parts: readonly (readonly string[])[];
  readonly written: readonly string[];
} {
  const { number: barrier } = manifest.barrier;
  const isDropped = (state: string): boolean => dropped.has(uidOf(state));
  const wanted = new Set(tasks.flatMap(({ states }) => states));
  const without = new Map<string, string>();
  const pathOf = (part: string): string => {
    const path = partPath(directory, part);
    let filtered = without.get(path);
    if (filtered === undefined) {
      const made = partPath(directory, handOverName(epoch, barrier, without.size, 'without'));
      const changed = takeOut(disk, path, made, (state) => wanted.has(state) && isDropped(state));
      without.set(path, (filtered = changed ? made : path));
    }
    return filtered;
  };
  const mayCollide = [...wanted].some(isDropped);
  const parts = tasks.map(({ states }) => {
    const own = new Set(states.filter((state) => !isDropped(state)));
    return manifest.tasks
      .filter((old) => old.states.some((state) => own.has(state)))
      .flatMap((old) =>
        old.parts.map((part) => (mayCollide ? pathOf(part) : partPath(directory, part))),
      );
  });
  return { parts, written: [...without].flatMap(([path, made]) => (made === path ? [] : [made])) };
}

/** Tasks have other numbers now. */
function renumbered(
  { decided, open }: NonNullable<Manifest['poison']>,
  manifest: Manifest,
  tasks: readonly NewTask[],
): NonNullable<Manifest['poison']> {
  return {
    decided,
    open: open.flatMap((decision) => {
      const name = manifest.tasks[decision.task]?.name;
      const task = tasks.findIndex((each) => each.name === name);
      return task < 0 ? [] : [{ ...decision, task }];
    }),
  };
}

/** Uids of the operators that the parts of a checkpoint have something of. */
export function uidsIn(disk: Disk, directory: string, { tasks }: Manifest): ReadonlySet<string> {
  const parts = new Set(tasks.flatMap((task) => task.parts));
  const uids = new Set<string>();
  for (const part of parts) {
    const path = partPath(directory, part);
    for (const state of statesIn([unsealed(disk.read(path), path)])) uids.add(uidOf(state));
  }
  return uids;
}

/** Writes a part again without some states; false when it has none of them. */
function takeOut(disk: Disk, path: string, to: string, isOut: (state: string) => boolean): boolean {
  const part = readPart(unsealed(disk.read(path), path));
  if (part === undefined || !part.logs.some(({ name }) => isOut(stateOf(name)))) return false;
  const logs = part.logs
    .filter(({ name }) => !isOut(stateOf(name)))
    .map(({ name, version, log }) => ({ name, version, log: log() }));
  // What the volatile section means depends on all that was there.
  disk.write(to, sealed(writePart(undefined, '', logs, (_name, pack) => pack())));
  return true;
}

function uidOf(state: string): string {
  return state.slice(0, state.lastIndexOf('['));
}
