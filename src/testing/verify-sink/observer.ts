/** Looks at a target while a commit is under way, as any reader may. */
import type { Scene } from './scene.ts';

/** So often at most. */
const LOOKS = 500;
/** Looks between two turns of the event loop. */
const LOOKS_PER_TURN = 4;

/** Runs the commit of an id; what is seen of it meanwhile must be all or nothing. */
export async function observed(s: Scene, id: number, commit: () => unknown): Promise<void> {
  const [instance] = s.bench.instances;
  const { probe, close } = instance!.probe();
  let isOver = false;
  const committing = Promise.resolve(commit()).finally(() => {
    isOver = true;
  });
  committing.catch(() => {});
  for (let n = 0; n < LOOKS && !isOver; n++) {
    if (n % LOOKS_PER_TURN > 0) await Promise.resolve();
    else if (n > 0) await s.turn(1);
    const before = await holdsIt(probe, id);
    const shown = (await s.seen()).length;
    const after = await holdsIt(probe, id);
    // Unsure while it changed between the two looks.
    if (before !== after) continue;
    if (!before && shown > 0) s.find('not-atomic', `${shown} records show before their id is held`);
    if (before && shown === 0) s.find('not-atomic', 'the id is held before its records show');
  }
  close();
  await committing;
}

async function holdsIt(probe: () => unknown, id: number): Promise<boolean> {
  const held = (await probe()) as number | undefined;
  return held !== undefined && held >= id;
}
