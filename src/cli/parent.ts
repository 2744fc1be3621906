/**
 * A command that runs as the child of `millrace run --restart`: what it tells its parent, and what it does when that is
 * gone. Without such a parent nothing.
 */

/** Says that the parent is ours; it reaches the children of jobs too, which have no channel. */
export const UNDER_PARENT = 'MILLRACE_UNDER_PARENT';

export type FromChild =
  /** It got on: whatever killed it before was passed. */
  | { readonly type: 'progress' }
  /** Its exit code, should it have to kill itself. */
  | { readonly type: 'ends'; readonly code: number };

function hasParent(): boolean {
  return process.env[UNDER_PARENT] === '1' && process.connected;
}

export function tellParent(message: FromChild): Promise<void> {
  if (!hasParent()) return Promise.resolve();
  return new Promise((resolve) => {
    // It may be gone by now: that isn't an error of ours.
    process.send!(message, undefined, undefined, () => resolve());
  });
}

/** Calls when the parent is gone, or is gone already. */
export function onParentGone(gone: () => void): void {
  if (process.env[UNDER_PARENT] !== '1' || process.send === undefined) return;
  if (!process.connected) return gone();
  process.once('disconnect', gone);
  process.channel?.unref();
}
