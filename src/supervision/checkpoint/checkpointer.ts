/**
 * The durability of a job with a checkpoint directory. Belongs to the coordinator and runs on its thread; it waits for
 * the disk by promises, so the coordinator goes on meanwhile.
 *
 *   a batch is held, and the newest checkpoint is old enough
 *     1  hand-overs and files of sinks that were not synced are, and their directories
 *     2  the manifest is written under another name and synced
 *     3  fence; the manifest gets its name; the directory is synced            ◀── the commit point
 *     4  files of sinks get their names; `durable` is said
 *     5  the directories of those files are synced; old manifests go, and hand-overs that nobody needs any more
 *   anything fails: degraded; again from 1 after a while, with what is the newest batch by then
 *
 * I1  One checkpoint at a time. Numbers ascend: an id is the number of its barrier.
 * I2  A manifest has its name only when all that it names was synced, so whichever of them a start finds is good.
 * I3  Nothing that an older manifest needs is removed before a newer one is durable.
 * I4  A coordinator that was replaced may be on its way from the fence to the rename, so its manifest may appear at any
 *     time. That does no harm. Its barrier was in the index before, so the successor is at it or behind it; and the
 *     successor removes no hand-over of an older epoch before it has made a manifest itself. Until then the late one is the newest
 *     and has all its files; from then on it is older than that, or the same.
 * I5  A publication is in each manifest until its name is sure to last.
 */
import { basename } from 'node:path';
import type { Barrier } from '../../actors/block.ts';
import { epochOfHandOver, unsealed } from '../../actors/hand-over-file.ts';
import type { Publication } from '../../actors/task.ts';
import { Trouble } from '../../actors/trouble.ts';
import type { Env, Timer } from '../../env/env.ts';
import { toWire, type MillraceError } from '../../errors.ts';
import type { HeldPoint } from '../held-index.ts';
import type { CheckpointSpec } from './checkpoint-spec.ts';
import type { Decisions } from './decisions.ts';
import type { Durability, DurabilityEvents } from './durability.ts';
import { KeptManifests } from './kept-manifests.ts';
import { encodeManifest } from './manifest-file.ts';
import type { Manifest } from './manifest.ts';
import { Publications } from './publications.ts';
import { replaceDurably } from './sealed-json.ts';
import { SyncedFiles } from './synced-files.ts';

export interface CheckpointDone {
  readonly type: 'checkpointCompleted';
  readonly barrier: number;
  readonly time: number;
  readonly tookMs: number;
  readonly bytes: number;
}

export interface CheckpointerOptions {
  readonly env: Env;
  readonly spec: CheckpointSpec;
  readonly decisions: Decisions;
  /** Where hand-overs lie. */
  readonly state: string;
  /** Which coordinator it belongs to. */
  readonly incarnation: number;
  /** The first of the process: nobody else has made checkpoints since its start. */
  readonly isFirst: boolean;
  /** Newest epoch that has begun. */
  readonly epoch: () => number;
  /** Throws when somebody else decides. */
  readonly checkFence: () => void;
  /** A copy stands for a hand-over file. `then` is called when the index says so. */
  readonly replacePart: (from: string, to: string, then: () => void) => void;
  readonly events: DurabilityEvents & { tell(event: CheckpointDone): void };
}

interface Candidate {
  readonly point: HeldPoint;
  readonly barrier: Barrier;
  readonly heldAt: number;
}

export class Checkpointer implements Durability {
  barrier = 0;
  readonly #options: CheckpointerOptions;
  readonly #kept: KeptManifests;
  readonly #files: SyncedFiles;
  readonly #publications: Publications;
  readonly #trouble: Trouble;
  readonly #decisionTrouble: Trouble;
  /** Newest held point of any kind. */
  #held: HeldPoint | undefined;
  /** Newest held batch, and that of the checkpoint under way. */
  #newest: Candidate | undefined;
  #current: Candidate | undefined;
  /** Files that a held point has let go. */
  readonly #obsolete = new Set<string>();
  /** Publications of the newest manifest that are not sure to last, and what is said once they have their names. */
  #committed: readonly Publication[] = [];
  #completed: CheckpointDone | undefined;
  /** The newest manifest was there before. */
  #isFound = false;
  /** The newest manifest has made others needless. */
  #untidy = false;
  /** Of the newest manifest: its id, and the time of its batch. */
  #newestId = 0;
  #lastTime = -Infinity;
  /** I4: hand-overs up to that epoch stay. */
  #olderEpoch = 0;
  #running = false;
  #stopped = false;
  #timer: Timer | undefined;
  #renamed: (() => void)[] = [];
  #finishing: (() => void)[] = [];
  /** Who waits for a checkpoint at that barrier or behind it. */
  #wanted: { readonly barrier: number; readonly tell: (barrier: number) => void }[] = [];
  /** Called when the decisions are written. */
  #deciding: (() => void)[] = [];
  #writing = false;

  constructor(options: CheckpointerOptions) {
    this.#options = options;
    const { env, spec, events } = options;
    this.#kept = new KeptManifests(env.disk, spec.directory);
    this.#publications = new Publications(env.disk);
    this.#files = new SyncedFiles({
      disk: env.disk,
      check: (bytes, path) => {
        if (epochOfHandOver(basename(path)) !== undefined) unsealed(bytes, path);
      },
      copied: (from, to) => this.#copied(from, to),
    });
    const trouble = (what: string): Trouble =>
      new Trouble(
        (error) => events.tell({ type: 'degraded', what, error: toWire(error) }),
        () => events.tell({ type: 'recovered', what }),
      );
    this.#trouble = trouble('checkpoint');
    this.#decisionTrouble = trouble('decisions');
  }

  get oldest(): number {
    return this.#kept.oldest;
  }

  get unpublished(): readonly Publication[] {
    return this.#publications.open;
  }

  begin(point: HeldPoint, barrier: Barrier | undefined, epoch: number, then: () => void): void {
    const { spec, isFirst, state, env } = this.#options;
    const started = spec.start?.barrier.number ?? 0;
    this.#olderEpoch = epoch;
    this.#held = point;
    if (isFirst) this.#kept.setAside(started);
    this.#kept.read(isFirst ? started : point.barrier);
    const { newest } = this.#kept;
    this.barrier = this.#newestId = Math.max(started, newest?.id ?? 0);
    if (newest !== undefined) this.#lastTime = newest.barrier.time;
    this.#files.add([...this.#kept.parts()].map((name) => `${state}/${name}`));
    this.#publications.add(newest?.publish);
    this.#publications.add(point.publish);
    this.#committed = newest?.publish ?? [];
    // Whoever wrote it may have died before its name was sure to last.
    this.#isFound = newest !== undefined;
    if (barrier !== undefined && barrier.number > this.barrier && (barrier.batch || barrier.last))
      this.#newest = { point, barrier, heldAt: env.clock.monotonic() };
    const decided = (): void => this.decided(point, then);
    if (this.#isFound) this.#renamed.push(decided);
    else decided();
    this.#kick();
  }

  held(point: HeldPoint, barrier: Barrier, obsolete: readonly string[]): void {
    this.#held = point;
    for (const path of obsolete) this.#obsolete.add(path);
    this.#publications.add(point.publish);
    if (barrier.batch || barrier.last)
      this.#newest = { point, barrier, heldAt: this.#options.env.clock.monotonic() };
    this.#removeObsolete();
    this.#kick();
  }

  decided(point: HeldPoint, then: () => void): void {
    const isNew = this.#options.decisions.note(point);
    if (!isNew && !this.#writing) {
      then();
      return;
    }
    this.#deciding.push(then);
    if (!this.#writing) this.#start(() => this.#writeDecisions());
  }

  finish(then: () => void): void {
    this.#finishing.push(then);
    this.#kick();
  }

  checkpoint(then: (barrier: number) => void): void {
    const held = Math.max(1, this.#newest?.barrier.number ?? 0, this.#newestId);
    this.#wanted.push({ barrier: held, tell: then });
    this.#kick();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  // ---- one checkpoint after another

  get #due(): boolean {
    if (this.#isFound || this.#committed.length > 0 || this.#untidy) return true;
    if (!this.#isBehind) return false;
    const { barrier } = this.#newest!;
    return (
      barrier.last ||
      this.#finishing.length > 0 ||
      this.#wanted.length > 0 ||
      barrier.time - this.#lastTime >= this.#options.spec.intervalMs
    );
  }

  get #isBehind(): boolean {
    return this.#newest !== undefined && this.#newest.barrier.number > this.#newestId;
  }

  #kick(): void {
    if (this.#running || this.#stopped) return;
    if (this.#due) this.#start(() => this.#run());
    else {
      this.#answer();
      this.#finished();
    }
  }

  #start(act: () => Promise<void>): void {
    // What isn't the disk's is a fault of this code, and the thread's end.
    act().catch((error: unknown) =>
      this.#options.env.defer(() => {
        throw error;
      }),
    );
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#due && !this.#stopped) {
      try {
        if (this.#isFound) await this.#take();
        else if (this.#isBehind) await this.#commit((this.#current = this.#newest!));
        await this.#publish();
        this.#trouble.over();
        this.#answer();
      } catch (error) {
        if (this.#isOver(error)) return;
        await this.#pause(this.#trouble.failed(disks(error)));
      }
    }
    this.#running = false;
    if (!this.#stopped) this.#finished();
  }

  #answer(): void {
    const { barrier } = this;
    const wanted = this.#wanted;
    this.#wanted = wanted.filter((each) => each.barrier > barrier);
    for (const each of wanted) if (each.barrier <= barrier) each.tell(barrier);
  }

  #finished(): void {
    for (const then of this.#finishing.splice(0)) then();
  }

  /** Goes on behind the manifest that it has found. */
  async #take(): Promise<void> {
    const { env, spec } = this.#options;
    await env.disk.sync(spec.directory);
    this.#isFound = false;
    this.#untidy = true;
  }

  async #commit({ point, barrier, heldAt }: Candidate): Promise<void> {
    const { env, spec, incarnation } = this.#options;
    let bytes = await this.#files.sync(point.parts.flat());
    bytes += await this.#files.sync(this.#publications.waiting(point.publish));
    const manifest = this.#manifest(point, barrier);
    const file = encodeManifest(manifest);
    const path = this.#kept.path(barrier.number);
    await replaceDurably(env.disk, path, file, {
      temporary: `${path}.${spec.run}-${incarnation}.tmp`,
      check: () => this.#check(),
      renamed: () => this.#kept.add(manifest),
    });
    this.#check();
    this.#newestId = barrier.number;
    this.#lastTime = barrier.time;
    this.#committed = manifest.publish;
    this.#completed = {
      type: 'checkpointCompleted',
      barrier: barrier.number,
      time: barrier.time,
      tookMs: env.clock.monotonic() - heldAt,
      bytes: bytes + file.length,
    };
    this.#olderEpoch = 0;
    this.#current = undefined;
    this.#untidy = true;
  }

  #manifest({ parts, publish, skip, poison }: HeldPoint, barrier: Barrier): Manifest {
    const { env, spec, epoch } = this.#options;
    return {
      format: 1,
      ...spec.job,
      id: barrier.number,
      run: spec.run,
      epoch: epoch(),
      barrier,
      writtenAt: env.clock.now(),
      tasks: spec.tasks.map((task, id) => ({
        ...task,
        parts: parts[id]!.map((path) => basename(this.#files.now(path))),
      })),
      publish: this.#publications.among(publish),
      skip,
      ...(poison === undefined ? {} : { poison }),
    };
  }

  /** What the newest manifest has committed: names of files, `durable`, what is not needed any more. */
  async #publish(): Promise<void> {
    const { decisions, events } = this.#options;
    const committed = this.#committed;
    this.#check();
    this.#publications.rename(committed);
    for (const then of this.#renamed.splice(0)) then();
    const completed = this.#completed;
    this.#completed = undefined;
    this.barrier = this.#newestId;
    if (completed !== undefined) {
      events.durable(completed.barrier);
      events.tell(completed);
    }
    await this.#publications.sync(committed);
    this.#publications.forget(committed);
    this.#committed = [];
    if (!this.#untidy) return;
    this.#check();
    this.#kept.tidy();
    this.#untidy = false;
    decisions.prune(this.oldest);
    this.#removeObsolete();
    const needed = this.#needed();
    for (const { from } of this.#publications.open) needed.add(basename(from));
    this.#files.retain((path) => needed.has(basename(path)));
  }

  // ---- files

  /** Names of the hand-overs that a manifest needs, or a point that is held or becomes one. */
  #needed(): Set<string> {
    const needed = this.#kept.parts();
    const candidate = this.#isBehind ? this.#newest?.point : undefined;
    for (const point of [this.#held, candidate, this.#current?.point])
      for (const path of point?.parts.flat() ?? []) needed.add(basename(this.#files.now(path)));
    return needed;
  }

  #removeObsolete(): void {
    if (this.#obsolete.size === 0) return;
    const needed = this.#needed();
    const { disk } = this.#options.env;
    for (const path of this.#obsolete) {
      const name = basename(path);
      if (needed.has(name) || (epochOfHandOver(name) ?? 0) <= this.#olderEpoch) continue;
      try {
        disk.remove(path);
      } catch {
        // It stays obsolete, and goes with the next.
        return;
      }
      this.#obsolete.delete(path);
    }
  }

  #copied(from: string, to: string): void {
    if (this.#publications.has(from)) this.#publications.copied(from, to);
    else
      this.#options.replacePart(from, to, () => {
        this.#obsolete.add(from);
      });
  }

  // ---- decisions

  async #writeDecisions(): Promise<void> {
    const { decisions, spec, incarnation } = this.#options;
    this.#writing = true;
    while (this.#deciding.length > 0 && !this.#stopped) {
      const decided = this.#deciding.splice(0);
      try {
        await decisions.write(`${spec.run}-${incarnation}`, () => this.#check());
        this.#decisionTrouble.over();
        for (const then of decided) then();
      } catch (error) {
        this.#deciding.unshift(...decided);
        if (this.#isOver(error)) return;
        await this.#pause(this.#decisionTrouble.failed(disks(error)));
      }
    }
    this.#writing = false;
  }

  // ----

  /** Whoever was replaced or stopped does nothing more. */
  #check(): void {
    if (this.#stopped) throw new Stopped();
    this.#options.checkFence();
  }

  #isOver(error: unknown): boolean {
    if ((error as Partial<MillraceError>).code === 'ERR_MILLRACE_FENCED') this.stop();
    return this.#stopped;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#timer = this.#options.env.clock.after(ms, resolve);
    });
  }
}

class Stopped extends Error {}

/** What isn't the disk's has no code. */
function disks(error: unknown): unknown {
  if ((error as { code?: unknown }).code === undefined) throw error;
  return error;
}
