/** Which durability a job has, and where it starts: by whether it has a checkpoint directory. */
import type { CoordinatorOptions } from '../coordinator-words.ts';
import { startPoint, type HeldPoint } from '../held-index.ts';
import { AtOnce } from './at-once.ts';
import { Checkpointer, type CheckpointerOptions } from './checkpointer.ts';
import { Decisions } from './decisions.ts';
import type { Durability } from './durability.ts';

export interface CreateDurabilityOptions
  extends
    Pick<CoordinatorOptions, 'env' | 'checkpoint' | 'directory' | 'memory' | 'emit'>,
    Pick<CheckpointerOptions, 'isFirst' | 'epoch' | 'checkFence' | 'replacePart'> {
  /** All up to that barrier is durable. */
  readonly durable: (barrier: number) => void;
}

export interface Created {
  readonly durability: Durability;
  /** Where the process goes on; undefined: at the start of the job. */
  readonly start: HeldPoint | undefined;
}

export function createDurability(options: CreateDurabilityOptions): Created {
  const { env, checkpoint: spec, directory, memory, emit, durable } = options;
  const events = { durable, tell: emit };
  if (spec === undefined) return { durability: new AtOnce(env, events), start: undefined };
  const decisions = new Decisions({
    disk: env.disk,
    directory: spec.directory,
    tasks: spec.tasks.map(({ name }) => name),
  });
  const durability = new Checkpointer({
    ...options,
    spec,
    decisions,
    events,
    state: directory,
    incarnation: memory.incarnation,
  });
  const start = spec.start?.point ?? startPoint(spec.tasks.length);
  return { durability, start: decisions.with(start) };
}
