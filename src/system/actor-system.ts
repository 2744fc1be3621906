/**
 * Actors on threads, without a stream. The thread that makes a system runs no code of actors, unless `threads` is 0: it
 * starts and ends threads, supervises the actors at the top, and knows who has which name.
 *
 *                 names, supervisors, dead letters
 *        ┌──────────────── node 0 ────────────────┐
 *        │ port            │ port                 │ port        mail by name goes this way
 *   ┌────▼─────┐      ┌────▼─────┐           ┌────▼─────┐
 *   │ actors-1 │◀────▶│ actors-2 │◀── … ───▶ │ actors-N │       exact refs: straight, by ports made on demand
 *   └──────────┘      └──────────┘           └──────────┘
 *
 * I1  An actor stays at its place for good; when the thread there dies, it begins anew in the next one.
 * I2  A thread is told that another is gone before it is told anything of what came after.
 * I3  Every `spawn` settles: the actor is up, or its restarts are used up, or the system is closed.
 */
import { availableParallelism } from 'node:os';
import { MessageChannel } from 'node:worker_threads';
import type { BehaviourClass, SpawnOptions } from '../actors/behaviour.ts';
import { Down } from '../actors/behaviour.ts';
import { pack } from '../actors/carry.ts';
import { DeadLetters } from '../actors/dead-letters.ts';
import type { ExitReason } from '../actors/exit.ts';
import type { Birth, FromNode, Routed } from '../actors/mail.ts';
import { ActorRef, topOf } from '../actors/ref.ts';
import { callSiteText } from '../dstream/call-site.ts';
import type { Env } from '../env/env.ts';
import { realEnv } from '../env/real.ts';
import { millraceError } from '../errors.ts';
import type { ChildHandle, Life } from '../supervision/supervisor.ts';
import { Watchdog } from '../supervision/watchdog.ts';
import { Exchange } from './exchange.ts';
import { Node, STASH } from './node.ts';
import type { Place } from './place.ts';
import { Record } from './record.ts';
import { remoteLife } from './remote-life.ts';
import {
  type ActorInfo,
  type ActorSystemOptions,
  cloneable,
  known,
  SPAWN_OPTIONS,
  SYSTEM_OPTIONS,
  type TopOptions,
  whole,
} from './system-options.ts';
import { behaviourAddress, childSpecOf, creatorOf, type BehaviourSource } from './spawning.ts';

export type { ActorInfo, ActorSystemOptions, TopOptions } from './system-options.ts';

const MAX_THREADS = 256;
const MAILBOX = 65_536;
const ASYNC_TIMEOUT_MS = 30_000;

export class ActorSystem implements AsyncDisposable {
  readonly deadLetters: DeadLetters;
  #options: ActorSystemOptions;
  #env: Env;
  #threads: number;
  #exchange: Exchange;
  #node: Node;
  #places: Place[] = [];
  #loading: Promise<void> | undefined;
  #records = new Map<string, Record>();
  #lives = new Map<string, number>();
  #linked = new Set<string>();
  #ended = new Map<number, ExitReason>();
  #watchdog: Watchdog;
  #nextNode = 1;
  #nextNumber = 1;
  #closed: Promise<void> | undefined;

  /** @throws `ERR_MILLRACE_BAD_OPTION` */
  constructor(options: ActorSystemOptions = {}) {
    known(options, SYSTEM_OPTIONS, 'ActorSystem');
    const {
      threads = availableParallelism(),
      deadLetters = 1000,
      hangTimeoutMs = 30_000,
    } = options;
    whole('threads', threads, 0, MAX_THREADS);
    whole('deadLetters', deadLetters, 0, 1_000_000);
    this.#options = options;
    this.#threads = threads;
    this.#env = options.env ?? realEnv();
    this.deadLetters = new DeadLetters(deadLetters);
    this.#watchdog = new Watchdog({
      clock: this.#env.clock,
      hangTimeoutMs,
      onHang: ({ thread, state, sinceMs }) =>
        this.#places.find(({ name }) => name === thread)?.kill({ kind: 'hang', state, sinceMs }),
    });
    this.#exchange = new Exchange({
      env: this.#env,
      node: 0,
      connect: (node) => this.#exchange.gone(node, this.#ended.get(node) ?? { kind: 'lost' }),
      route: (mail) => this.#route(mail),
      dead: (letter) => this.deadLetters.add(letter),
    });
    const nothing = (): void => undefined;
    this.#node = new Node({
      env: this.#env,
      exchange: this.#exchange,
      vitals: { running: nothing, progress: nothing, idle: nothing },
      stopTop: (path, incarnation) => this.#stopTop(path, incarnation),
      nameMark: '0-',
    });
  }

  /**
   * Starts an actor and resolves to a ref of its first life, when its `onStart` is done. A start that fails is tried
   * again as a restart would be.
   *
   * @param behaviour a class with `static readonly module = import.meta.url`, exported under its name; or the URL of a
   *   module, `#` and the name of the export, `default` without; with `threads: 0` any class
   * @throws `ERR_MILLRACE_REACHED_MAX_RESTARTS` with the last error as cause, `ERR_MILLRACE_BEHAVIOUR`,
   *   `ERR_MILLRACE_BAD_ARGS`, `ERR_MILLRACE_BAD_SPEC`, `ERR_MILLRACE_DUPLICATE_ID`, `ERR_MILLRACE_STOPPED`
   * @example
   * const counter = await system.spawn(new URL('./counter.js#Counter', import.meta.url), { name: 'counter' });
   * counter.tell('add');
   * console.log(await counter.ask('get'));
   */
  async spawn<M, A>(
    behaviour: BehaviourClass<M, A> | URL | string,
    options: TopOptions<A> = {},
  ): Promise<ActorRef<M>> {
    known(options, SPAWN_OPTIONS, 'spawn');
    if (this.#closed !== undefined)
      throw millraceError('ERR_MILLRACE_STOPPED', 'the actor system is closed');
    const source = behaviour as BehaviourSource;
    const name = options.name ?? this.#node.newName();
    const path = `/${name}`;
    // Everything that can be wrong is found before anything starts.
    if (this.#threads > 0 || typeof source !== 'function') behaviourAddress(source);
    if (this.#threads > 0) cloneable(options.args, path);
    const child = childSpecOf(name, options as SpawnOptions<never>, null);
    if (options.thread !== undefined && this.#threads > 0)
      whole('thread', options.thread, 0, this.#threads - 1);
    await this.#load();
    if (this.#records.has(path))
      throw millraceError('ERR_MILLRACE_DUPLICATE_ID', `there is an actor ${path} already`, {
        context: { actor: path, callSite: callSiteText() },
      });
    const place = this.#threads === 0 ? undefined : this.#choosePlace(options.thread);
    const record = new Record({
      env: this.#env,
      path,
      number: this.#nextNumber++,
      source,
      options: options as TopOptions<unknown>,
      place,
      child,
      begin: (each, life) => this.#begin(each, life),
      ended: (each) => this.#forget(each),
      onEvent: this.#options.onEvent,
    });
    this.#records.set(path, record);
    if (place !== undefined) place.actors++;
    record.supervisor.start();
    await record.started;
    return new ActorRef<M>(
      { path, incarnation: record.incarnation, node: record.at ?? 0 },
      this.#exchange,
    );
  }

  /** A ref by name: `/counter`. It needs nobody to be there yet. */
  named<M>(path: string): ActorRef<M> {
    return new ActorRef<M>({ path, incarnation: 0, node: -1 }, this.#exchange);
  }

  /** Resolves when that actor ends, at once with `noproc` when it has ended. Never rejects. */
  watch(ref: ActorRef<never>): Promise<Down> {
    return new Promise((resolve) => {
      this.#exchange.watch(ref, (incarnation, reason) =>
        resolve(new Down(ref.path, incarnation === 0 ? ref.incarnation : incarnation, reason)),
      );
    });
  }

  /** Ends an actor for good: the message in hand, its children, then `onStop`. Resolves when it has ended. */
  async stop(ref: ActorRef<never>): Promise<void> {
    if (ref.path === topOf(ref.path)) {
      const record = this.#records.get(ref.path);
      if (record !== undefined && (ref.incarnation === 0 || ref.incarnation === record.incarnation))
        await record.supervisor.stop();
      return;
    }
    const down = this.watch(ref);
    this.#exchange.send({
      type: 'stop',
      to: { path: ref.path, incarnation: ref.incarnation, node: ref.node },
    });
    await down;
  }

  /** The actors at the top. */
  actors(): readonly ActorInfo[] {
    return [...this.#records.values()].map(({ path, incarnation, place, supervisor }) => {
      const child = supervisor.children()[0];
      return {
        path,
        incarnation,
        thread: place === undefined ? -1 : this.#places.indexOf(place),
        state: child?.state ?? 'down',
        restarts: child?.restarts ?? 0,
      };
    });
  }

  /** Ends a thread, whatever it does, as if it had died. For tests of what is built on it. */
  killThread(index: number): void {
    this.#places[index]?.kill({ kind: 'terminated' });
  }

  /** Threads that would not end and are left behind. */
  get quarantined(): number {
    return this.#places.reduce((sum, place) => sum + place.quarantined, 0);
  }

  /** Stops all actors, the newest first, and their threads. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    for (const record of [...this.#records.values()].toReversed()) await record.supervisor.stop();
    await Promise.all(this.#places.map((place) => place.close()));
    this.#watchdog.close();
    this.#exchange.close({ kind: 'shutdown', detail: 'the system is closed' });
  }

  // ---- threads

  /** Only a system with threads loads what starts them. */
  #load(): Promise<void> | undefined {
    if (this.#threads === 0) return undefined;
    this.#loading ??= import('./place.ts').then(({ Place }) => {
      const { killTimeoutMs = 5000, maxHeapMb } = this.#options;
      for (let n = 0; n < this.#threads; n++) {
        this.#places.push(
          new Place({
            env: this.#env,
            name: `actors-${n + 1}`,
            watchdog: this.#watchdog,
            killTimeoutMs,
            maxHeapMb,
            newNode: () => this.#nextNode++,
            up: (place) =>
              this.#exchange.link(place.node, { post: (mail) => place.port?.post(mail) }),
            hear: (place, message) => this.#hear(place, message),
            gone: (place, node, reason, culprit) => this.#gone(place, node, reason, culprit),
          }),
        );
      }
    });
    return this.#loading;
  }

  #choosePlace(thread: number | undefined): Place {
    if (thread !== undefined) return this.#places[thread]!;
    return this.#places.reduce((best, place) => (place.actors < best.actors ? place : best));
  }

  #hear(place: Place, message: FromNode): void {
    switch (message.type) {
      case 'started':
      case 'progress':
      case 'exited': {
        const record = this.#records.get(message.path);
        if (record?.incarnation !== message.incarnation || record.place !== place) return;
        if (message.type === 'started') record.life?.started();
        else if (message.type === 'progress') record.life?.progress();
        else record.life?.exited(message.reason);
        return;
      }
      case 'connect':
        this.#connect(place, message.node);
        return;
      case 'route':
        this.#route(message.mail);
        return;
      case 'dead':
        this.deadLetters.add(message.letter);
        return;
      case 'stop':
        this.#stopTop(message.to.path, message.to.incarnation);
        return;
      default:
        this.#exchange.receive(message);
    }
  }

  /** A direct way between two threads, unless it is there or on its way. */
  #connect(place: Place, node: number): void {
    const other = this.#places.find((each) => each.isUp && each.node === node);
    if (other === undefined) {
      place.port?.post({ type: 'gone', node, reason: this.#ended.get(node) ?? { kind: 'lost' } });
      return;
    }
    const pair = [place.node, node].sort((a, b) => a - b).join(' ');
    if (this.#linked.has(pair)) return;
    this.#linked.add(pair);
    const { port1, port2 } = new MessageChannel();
    place.port?.post({ type: 'link', node, port: port1 }, [port1]);
    other.port?.post({ type: 'link', node: place.node, port: port2 }, [port2]);
  }

  #gone(place: Place, node: number, reason: ExitReason, culprit: number | undefined): void {
    this.#ended.set(node, reason);
    for (const pair of this.#linked)
      if (pair.split(' ').includes(String(node))) this.#linked.delete(pair);
    for (const each of this.#places) each.port?.post({ type: 'gone', node, reason });
    this.#exchange.gone(node, reason);
    for (const record of Array.from(this.#records.values())) {
      if (record.place !== place || record.at !== node) continue;
      record.at = undefined;
      record.life?.exited(reason, culprit === undefined || culprit === record.number);
    }
  }

  // ---- actors at the top

  #begin(record: Record, life: Life): ChildHandle {
    const { path, place, options, source, number } = record;
    const incarnation = Math.max(this.#lives.get(path) ?? 0, record.incarnation) + 1;
    // A name that was given may come again; one that was made up won't.
    if (!path.startsWith('/$')) this.#lives.set(path, incarnation);
    record.incarnation = incarnation;
    const { mailboxSize = MAILBOX, asyncTimeoutMs = ASYNC_TIMEOUT_MS, args } = options;
    if (place === undefined) {
      record.at = 0;
      return this.#node.start(
        {
          path,
          incarnation,
          number,
          args,
          mailboxSize,
          asyncTimeoutMs,
          create: creatorOf(source, incarnation),
        },
        life,
      );
    }
    const packed = pack(args);
    const birth: Birth = {
      path,
      incarnation,
      number,
      behaviour: behaviourAddress(source),
      args: packed.body,
      refs: packed.refs,
      mailboxSize,
      asyncTimeoutMs,
    };
    return remoteLife({
      record,
      place,
      birth,
      life,
      clock: this.#env.clock,
      route: (mail) => this.#route(mail),
    });
  }

  #forget(record: Record): void {
    const { path, place, at } = record;
    if (this.#records.get(path) === record) this.#records.delete(path);
    if (place !== undefined) place.actors--;
    if (at === 0) this.#node.forget(path);
    else if (at !== undefined && place?.node === at) place.port?.post({ type: 'forget', path });
    for (const letter of record.stash.splice(0))
      this.#exchange.undeliverable(letter, { kind: 'noproc' });
  }

  /** Mail by name: to whoever has the name, now or soon. */
  #route(mail: Routed): void {
    const record = this.#records.get(topOf(mail.to.path));
    if (record === undefined) {
      this.#exchange.undeliverable(mail, { kind: 'noproc' });
      return;
    }
    if (mail.type === 'stop' && mail.to.path === record.path) {
      void record.supervisor.stop();
      return;
    }
    if (record.at !== undefined) {
      this.#announce(mail, record.at);
      this.#exchange.forward(record.at, mail);
    } else if (mail.type !== 'letter') this.#exchange.undeliverable(mail, { kind: 'noproc' });
    else if (record.stash.length < STASH) record.stash.push(mail);
    else this.#exchange.undeliverable(mail, 'full');
  }

  /** Tells the asker where its mail went, so that it learns when that thread dies. */
  #announce(mail: Routed, node: number): void {
    const ask = mail.type === 'letter' ? mail.ask : 0;
    const watch = mail.type === 'watch' ? mail.watch : 0;
    if ((ask === 0 && watch === 0) || mail.type === 'stop') return;
    if (mail.from === 0) this.#exchange.routed(ask, watch, node);
    else
      this.#places
        .find((each) => each.isUp && each.node === mail.from)
        ?.port?.post({ type: 'routed', ask, watch, node });
  }

  #stopTop(path: string, incarnation: number): void {
    const record = this.#records.get(path);
    if (record !== undefined && (incarnation === 0 || incarnation === record.incarnation))
      void record.supervisor.stop();
  }
}
