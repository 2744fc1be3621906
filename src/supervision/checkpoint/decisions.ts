/**
 * What was decided to be passed over (batches that were given up, records that are poison), as a file: a start of the
 * process goes by it, from whichever manifest. A manifest has what was decided before it; what is decided behind it must
 * hold all the same when the process begins there again, for outputs may have shown it. Belongs to the checkpointer.
 *
 * I1  Nothing is passed over before the file says so.
 * I2  What any manifest that is kept may need stays in it.
 */
import { join } from 'node:path';
import type { Disk } from '../../env/env.ts';
import type { HeldPoint } from '../held-index.ts';
import type { PoisonDecision } from '../poison.ts';
import { replaceDurably, sealJson, unsealJson } from './sealed-json.ts';

const NAME = 'decisions.json';

interface StoredDecision extends PoisonDecision {
  /** Its task's; ids may be others' at the next start. */
  readonly name: string;
  /** The barrier that was held when it was made: the record lies behind it. */
  readonly behind: number;
}

interface Stored {
  readonly format: 1;
  /** Batches, by the batch barrier before them. */
  readonly skip: readonly number[];
  readonly decided: number;
  readonly poison: readonly StoredDecision[];
}

export interface DecisionsOptions {
  readonly disk: Disk;
  readonly directory: string;
  /** Names of the tasks, by id. */
  readonly tasks: readonly string[];
}

export class Decisions {
  readonly #options: DecisionsOptions;
  #stored: Stored = { format: 1, skip: [], decided: 0, poison: [] };

  /** @throws ERR_MILLRACE_CHECKPOINT_CORRUPT */
  constructor(options: DecisionsOptions) {
    this.#options = options;
    const { disk, directory } = options;
    const path = join(directory, NAME);
    if (disk.size(path) !== undefined) this.#stored = unsealJson(disk.read(path), path) as Stored;
  }

  /** The point at which the process starts, with what was decided behind it. */
  with(point: HeldPoint): HeldPoint {
    const { skip, decided, poison } = this.#stored;
    const { tasks } = this.#options;
    const before = point.poison ?? { decided: 0, open: [] };
    const known = new Set(before.open.map(({ number }) => number));
    const later = poison.flatMap(({ name, behind, ...decision }) => {
      const task = tasks.indexOf(name);
      return behind < point.barrier || task < 0 || known.has(decision.number)
        ? []
        : [{ ...decision, task }];
    });
    const all = Math.max(decided, before.decided);
    return {
      ...point,
      skip: [...new Set([...point.skip, ...skip.filter((start) => start >= point.barrier)])],
      ...(all === 0 ? {} : { poison: { decided: all, open: [...before.open, ...later] } }),
    };
  }

  /** Takes in what a point has. True: the file is to be written. */
  note({ barrier, skip, poison }: HeldPoint): boolean {
    const { skip: skipped, poison: known } = this.#stored;
    const newSkips = skip.filter((start) => !skipped.includes(start));
    const newPoison = (poison?.open ?? []).filter(
      ({ number }) => !known.some((each) => each.number === number),
    );
    if (newSkips.length === 0 && newPoison.length === 0) return false;
    this.#stored = {
      format: 1,
      skip: [...skipped, ...newSkips],
      decided: Math.max(this.#stored.decided, poison?.decided ?? 0),
      poison: [
        ...known,
        ...newPoison.map((each) => ({
          ...each,
          name: this.#options.tasks[each.task] ?? '',
          behind: barrier,
        })),
      ],
    };
    return true;
  }

  /** The process never begins before that barrier again. */
  prune(oldest: number): void {
    this.#stored = {
      ...this.#stored,
      skip: this.#stored.skip.filter((start) => start >= oldest),
      poison: this.#stored.poison.filter(({ behind }) => behind >= oldest),
    };
  }

  /** Rejects with what the disk says. */
  write(temporary: string, check: () => void): Promise<void> {
    const { disk, directory } = this.#options;
    return replaceDurably(disk, join(directory, NAME), sealJson(this.#stored), {
      temporary: join(directory, `${NAME}.${temporary}.tmp`),
      check,
    });
  }
}
