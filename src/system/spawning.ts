/**
 * From what is given to `spawn` to a behaviour in the thread that runs it: a class as it is, or the export of a module,
 * which that thread imports.
 *
 * I1  A module that threw while it was imported is imported anew the next time, for what it needs may be there then.
 *     (Node itself would give the first error again.)
 */
import type { Behaviour, BehaviourClass, ChildOptions, SpawnOptions } from '../actors/behaviour.ts';
import type { BehaviourAddress } from '../actors/mail.ts';
import { callSiteText } from '../dstream/call-site.ts';
import { importJobFile } from '../dstream/import-job-file.ts';
import { millraceError } from '../errors.ts';
import type { ChildSpec } from '../supervision/child-spec.ts';

// eslint-disable-next-line typescript/no-explicit-any -- classes for any messages and arguments
export type BehaviourSource = BehaviourClass<any, any> | URL | string;

/** Where other threads find it. @throws `ERR_MILLRACE_BEHAVIOUR` */
export function behaviourAddress(source: BehaviourSource): BehaviourAddress {
  if (typeof source === 'function') {
    if (typeof source.module === 'string') return { url: source.module, exported: source.name };
    throw millraceError(
      'ERR_MILLRACE_BEHAVIOUR',
      `class ${source.name || '(without a name)'} at ${callSiteText()} can't be loaded by another thread: export it from its module under this name and add "static readonly module = import.meta.url", ` +
        'or give spawn the URL of the module, or use threads: 0',
      { context: { behaviour: source.name } },
    );
  }
  let url: URL;
  try {
    url = new URL(source);
  } catch (cause) {
    throw millraceError(
      'ERR_MILLRACE_BEHAVIOUR',
      `${JSON.stringify(source)} at ${callSiteText()} is no behaviour: give a class, or the URL of a module, as in new URL('./counter.js#Counter', import.meta.url)`,
      { cause },
    );
  }
  const exported = url.hash === '' ? 'default' : decodeURIComponent(url.hash.slice(1));
  url.hash = '';
  return { url: url.href, exported };
}

/** What makes a behaviour of it, in this thread, for that life of the actor. */
export function creatorOf(
  source: BehaviourSource,
  life: number,
): () => Behaviour | Promise<Behaviour> {
  if (typeof source === 'function') return () => made(source, source.name);
  const address = behaviourAddress(source);
  return () => load(address, life);
}

const failed = new Set<string>();
const loaded = new Map<string, unknown>();

/** Imports a behaviour and makes one. */
export function load(
  { url, exported }: BehaviourAddress,
  life: number,
): Behaviour | Promise<Behaviour> {
  const name = `${exported} of ${url}`;
  const key = `${url}#${exported}`;
  const known = loaded.get(key);
  // At once, so that a restart doesn't wait for a turn of the event loop.
  return known === undefined ? imported() : made(known, name);
  async function imported(): Promise<Behaviour> {
    try {
      const namespace = await importJobFile(failed.has(url) ? `${url}?life=${life}` : url);
      const found = namespace[exported];
      const behaviour = made(found, name);
      loaded.set(key, found);
      return behaviour;
    } catch (error) {
      failed.add(url);
      throw error;
    }
  }
}

function made(source: unknown, name: string): Behaviour {
  const behaviour: unknown =
    typeof source === 'function' ? new (source as new () => unknown)() : undefined;
  if (
    typeof behaviour === 'object' &&
    behaviour !== null &&
    typeof (behaviour as Partial<Behaviour>).receive === 'function'
  )
    return behaviour as Behaviour;
  throw millraceError(
    'ERR_MILLRACE_BEHAVIOUR',
    `${name} is no behaviour: it must be a class with a method receive(message, ctx)`,
    { context: { behaviour: name } },
  );
}

/** The spec of an actor as its supervisor takes it. */
export function childSpecOf<Start>(
  id: string,
  options: SpawnOptions<never> | ChildOptions<never>,
  start: Start,
): ChildSpec<Start> {
  const { restart = 'transient', shutdownMs, startTimeoutMs, backoff } = options;
  const { significant } = options as ChildOptions;
  return {
    id,
    start,
    restart,
    restartAtOnce: true,
    callSite: callSiteText(),
    ...(significant === undefined ? {} : { significant }),
    ...(shutdownMs === undefined ? {} : { shutdownMs }),
    ...(startTimeoutMs === undefined ? {} : { startTimeoutMs }),
    ...(backoff === undefined ? {} : { backoff }),
  };
}
