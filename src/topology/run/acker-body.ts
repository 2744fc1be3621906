/**
 * The acker: hears of every copy of a tracked record twice, and tells its source when nothing of it is left, or that it
 * failed. It hands nothing over: after a recovery sources send again whatever they have not heard of.
 * Called by its thread's runner only.
 *
 * I1  A root is looked at only when all that one sender said at once has been taken in: what a stage worked off and what
 *     it gave on comes in one block.
 * I2  What nobody completes is forgotten after two to three timeouts (buckets that are passed on), by when its source has
 *     sent the record again under another root.
 */
import type { Block } from '../../actors/block.ts';
import type { TaskBody, TaskOutput } from '../../actors/task.ts';
import { ROOTS_PER_SOURCE, STRIDE, tidingsOf, Tidings } from '../../actors/tracked.ts';
import type { Clock } from '../../env/env.ts';
import type { Plan } from '../../plan/planned.ts';
import { nodeAt } from '../../dstream/run/chain.ts';

const BUCKETS = 3;

interface Entry {
  high: number;
  low: number;
}

export class AckerBody implements TaskBody {
  readonly #out: TaskOutput;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  /** The newest first. */
  readonly #buckets: Map<number, Entry>[] = Array.from({ length: BUCKETS }, () => new Map());
  /** By source task. */
  readonly #news: readonly Tidings[];
  #rotateAtMs: number;

  constructor(plan: Plan, taskId: number, out: TaskOutput, clock: Clock) {
    const task = plan.tasks[taskId]!;
    if (task.kind === 'outputs') throw new TypeError('outputs are no acker');
    this.#out = out;
    this.#clock = clock;
    this.#timeoutMs = nodeAt(plan.graph, task.tree.node).params['timeoutMs'] as number;
    this.#news = plan.wiring.tasks[taskId]!.outputs.map(() => new Tidings());
    this.#rotateAtMs = clock.monotonic() + this.#timeoutMs;
  }

  block(block: Block): void {
    const { done, failed } = tidingsOf(block);
    const seen: number[] = [];
    let last = -1;
    for (let i = 0; i < done.length; i += STRIDE) {
      const root = done[i]!;
      const entry = this.#entry(root);
      entry.high ^= done[i + 1]!;
      entry.low ^= done[i + 2]!;
      if (root !== last) seen.push(root);
      last = root;
    }
    for (const root of seen) {
      const entry = this.#find(root);
      if (entry === undefined || entry.high !== 0 || entry.low !== 0) continue;
      this.#forget(root);
      this.#newsOf(root).acked(root);
    }
    for (const root of failed) {
      this.#forget(root);
      this.#newsOf(root).failed(root);
    }
  }

  barrier(): void {
    this.#tell();
  }

  flush(idle: boolean): void {
    if (idle) this.#tell();
  }

  dueMs(): number {
    return this.#rotateAtMs;
  }

  tick(nowMs: number): void {
    this.#rotateAtMs = nowMs + this.#timeoutMs;
    this.#buckets.pop();
    this.#buckets.unshift(new Map());
  }

  handOver(): undefined {
    return undefined;
  }

  restore(): void {
    this.#rotateAtMs = this.#clock.monotonic() + this.#timeoutMs;
  }

  #tell(): void {
    this.#news.forEach((news, output) => {
      if (!news.isEmpty) this.#out.emit(output, news.take());
    });
  }

  #newsOf(root: number): Tidings {
    return this.#news[Math.floor(root / ROOTS_PER_SOURCE)]!;
  }

  #entry(root: number): Entry {
    const found = this.#find(root);
    if (found !== undefined) return found;
    const entry: Entry = { high: 0, low: 0 };
    this.#buckets[0]!.set(root, entry);
    return entry;
  }

  #find(root: number): Entry | undefined {
    for (const bucket of this.#buckets) {
      const entry = bucket.get(root);
      if (entry !== undefined) return entry;
    }
    return undefined;
  }

  #forget(root: number): void {
    for (const bucket of this.#buckets) if (bucket.delete(root)) return;
  }
}
