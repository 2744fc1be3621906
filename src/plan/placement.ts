/**
 * Which worker runs which task: a pure function of the plan and the number of workers, so every thread and every
 * restart comes to the same answer.
 *
 * Partition p of a source or a wide operator lives on worker p mod W. Equal partitions of all operators so share a
 * worker: what one exchange leaves there the next one finds there, and each operator is spread evenly. What is
 * one of its kind (the task of the outputs, a stage of one instance) goes to the worker with the fewest tasks (the lowest
 * number among equals): operators of one partition all sit on worker 0, and outputs should not wait behind them.
 */

/** What placement needs to know of a task. */
export type Placeable =
  | { readonly kind: 'source' | 'wide'; readonly partition: number }
  /** One of its kind. */
  | { readonly kind: 'outputs' };

/** The worker of each task, in the order of `tasks`. */
export function place(tasks: readonly Placeable[], workers: number): number[] {
  const load = Array.from({ length: workers }, () => 0);
  const placed = tasks.map((task) => {
    if (task.kind === 'outputs') return -1;
    const worker = task.partition % workers;
    load[worker] = (load[worker] ?? 0) + 1;
    return worker;
  });
  return placed.map((worker) => {
    if (worker >= 0) return worker;
    const least = load.indexOf(Math.min(...load));
    load[least] = (load[least] ?? 0) + 1;
    return least;
  });
}
