/**
 * How the files of hand-overs are called. A name is used once: epochs ascend, and within one a task takes a barrier once.
 * The thread is named for those who look at the directory.
 */
export function handOverName(epoch: number, barrier: number, task: number, thread: string): string {
  return `handover-${epoch}-${barrier}-${task}-${thread}`;
}

/** The epoch in which a file was handed over; undefined when it is no such file. */
export function epochOfHandOver(name: string): number | undefined {
  const epoch = /^handover-(\d+)-/.exec(name)?.[1];
  return epoch === undefined ? undefined : Number(epoch);
}
