/**
 * The tree of a job, as `run.actors()` shows it: what runs, below what, how often it began anew, and what it last ended of.
 * Belongs to the embedding thread, which hears of all that; it decides nothing.
 *
 *   job ─┬─ coordinator            beside the data: its death fails no task, it opens a new epoch
 *        ├─ sources ──── source …  one by one: each has a backoff of its own
 *        ├─ region ───── task …    all together: one fails, and all are built anew (an epoch)
 *        ├─ spare                  a thread with the job loaded
 *        └─ drainer                the last to stop
 */
import type { Wiring } from '../actors/wiring.ts';
import { fromWire } from '../errors.ts';
import type { CoordinatorEvent } from '../supervision/coordinator.ts';
import type { SourceEvent, ThreadInfo, ThreadRole } from './engine.ts';

export type JobActorRole =
  | 'job'
  | 'coordinator'
  | 'sources'
  | 'source'
  | 'region'
  | 'task'
  | 'spare'
  | 'drainer';

/** A part of a job. Plain data. */
export interface JobActor {
  readonly name: string;
  /** Names from the job on: `counts/region/reduceByKey#1[0]`. */
  readonly path: string;
  readonly role: JobActorRole;
  readonly state: string;
  /** Which life it is, from 1; 0 before the first. */
  readonly incarnation: number;
  readonly restarts: number;
  /** What its life before ended of. */
  readonly lastExit?: string;
  /** Of its thread; absent in the calling thread. */
  readonly slot?: number;
  readonly children: readonly JobActor[];
}

interface SourceLife {
  state: string;
  reopened: number;
  lastExit: string | undefined;
}

export class JobTree {
  readonly #job: string;
  readonly #wiring: Wiring;
  readonly #sources: Map<string, SourceLife>;
  #region: 'starting' | 'up' | 'recovering' | 'down' = 'starting';
  #epoch = 0;
  #recoveries = 0;
  #cause: string | undefined;
  /** Slots by logical worker. */
  #workers: readonly number[] = [];

  constructor(job: string, wiring: Wiring) {
    this.#job = job;
    this.#wiring = wiring;
    this.#sources = new Map(
      wiring.sources.map(({ name }) => [
        name,
        { state: 'starting', reopened: 0, lastExit: undefined },
      ]),
    );
  }

  coordinator(event: CoordinatorEvent): void {
    if (event.type === 'started') {
      this.#region = 'up';
      this.#epoch = event.epoch;
      this.#workers = event.workers;
    } else if (event.type === 'recovering') {
      this.#region = 'recovering';
      this.#recoveries = event.restarts;
      this.#cause = event.cause;
    } else if (event.type === 'drained' || event.type === 'failed') this.#region = 'down';
  }

  source(event: SourceEvent): void {
    if (event.type !== 'sourceState') return;
    const life = this.#sources.get(event.source);
    if (life === undefined) return;
    life.state = event.state;
    if (event.error === undefined) return;
    const error = fromWire(event.error);
    life.lastExit = error instanceof Error ? error.message : String(error);
    if (event.retryInMs !== undefined) life.reopened++;
  }

  /** @param state of the run */
  actors(state: string, threads: readonly ThreadInfo[]): JobActor {
    const isOver = state === 'stopped' || state === 'failed';
    const path = this.#job;
    const now = (alive: string): string => (isOver ? 'down' : alive);
    const coordinator = lifeOf('coordinator', threads, now('up'));
    const sources = lifeOf('sources', threads, now('up'));
    return {
      name: this.#job,
      path,
      role: 'job',
      state,
      incarnation: 1,
      restarts: 0,
      children: [
        { name: 'coordinator', path: `${path}/coordinator`, role: 'coordinator', ...coordinator },
        {
          name: 'sources',
          path: `${path}/sources`,
          role: 'sources',
          ...sources,
          children: this.#sourceActors(`${path}/sources`, sources, isOver),
        },
        this.#regionActor(`${path}/region`, isOver, threads.length > 0),
        ...threads
          .filter(({ role, slot }) => role === 'worker' && !this.#workers.includes(slot))
          .map((thread) => ({
            name: `spare ${thread.slot}`,
            path: `${path}/spare ${thread.slot}`,
            role: 'spare' as const,
            ...threadLife(thread),
          })),
        {
          name: 'drainer',
          path: `${path}/drainer`,
          role: 'drainer',
          state: state === 'draining' ? 'up' : isOver ? 'down' : 'waiting',
          incarnation: state === 'draining' || isOver ? 1 : 0,
          restarts: 0,
          children: [],
        },
      ],
    };
  }

  #sourceActors(path: string, thread: Life, isOver: boolean): JobActor[] {
    return [...this.#sources].map(([name, { state, reopened, lastExit }]) => {
      const restarts = thread.restarts + reopened;
      return {
        name,
        path: `${path}/${name}`,
        role: 'source',
        state: isOver ? 'down' : state,
        incarnation: restarts + 1,
        restarts,
        ...lastOf(lastExit ?? thread.lastExit),
        ...slotOf(thread.slot),
        children: [],
      };
    });
  }

  #regionActor(path: string, isOver: boolean, hasThreads: boolean): JobActor {
    const shared = {
      state: isOver ? 'down' : this.#region,
      incarnation: this.#epoch,
      restarts: this.#recoveries,
      ...lastOf(this.#cause),
    };
    return {
      name: 'region',
      path,
      role: 'region',
      ...shared,
      children: this.#wiring.tasks.map(({ name, worker }) => ({
        name,
        path: `${path}/${name}`,
        role: 'task',
        ...shared,
        ...slotOf(hasThreads ? this.#workers[worker] : undefined),
        children: [],
      })),
    };
  }
}

type Life = Pick<JobActor, 'state' | 'incarnation' | 'restarts' | 'lastExit' | 'slot' | 'children'>;

/** Of the one thread with that role; in the calling thread there is none. */
function lifeOf(role: ThreadRole, threads: readonly ThreadInfo[], state: string): Life {
  const thread = threads.find((each) => each.role === role);
  return thread === undefined
    ? { state, incarnation: 1, restarts: 0, children: [] }
    : threadLife(thread);
}

function threadLife({ state, restarts, lastExit, slot }: ThreadInfo): Life {
  return {
    state,
    incarnation: restarts + 1,
    restarts,
    slot,
    children: [],
    ...lastOf(lastExit),
  };
}

function lastOf(lastExit: string | undefined): { lastExit?: string } {
  return lastExit === undefined ? {} : { lastExit };
}

function slotOf(slot: number | undefined): { slot?: number } {
  return slot === undefined ? {} : { slot };
}
