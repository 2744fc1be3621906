/**
 * What an actor may do: send, watch, have children. One for each life of an actor.
 *
 * I1  Children live on their parent's thread and are supervised here, so a restart in place needs no other thread.
 * I2  When the supervisor of the children gives up, so does the actor: the failure goes up.
 */
import type {
  ActorContext,
  BehaviourClass,
  ChildOptions,
  ChildSupervision,
} from '../actors/behaviour.ts';
import { Down } from '../actors/behaviour.ts';
import type { ExitReason } from '../actors/exit.ts';
import { ActorRef } from '../actors/ref.ts';
import { fromWire, millraceError } from '../errors.ts';
import type { ChildSpec } from '../supervision/child-spec.ts';
import {
  Supervisor,
  type ChildHandle,
  type Life,
  type StartedChild,
} from '../supervision/supervisor.ts';
import type { Cell } from './cell.ts';
import { childSpecOf, creatorOf, type BehaviourSource } from './spawning.ts';
import type { Node } from './node.ts';

/** What a child is started with. */
interface ChildStart {
  readonly source: BehaviourSource;
  readonly options: ChildOptions;
}

export class Context implements ActorContext {
  readonly self: ActorRef<never>;
  #node: Node;
  #cell: Cell;
  #supervisor: Supervisor<ChildStart> | undefined;
  #flags: ChildSupervision = {};
  #watches = new Map<string, number[]>();
  /** Which life of each child was started last. */
  #lives = new Map<string, number>();

  constructor(node: Node, cell: Cell) {
    this.#node = node;
    this.#cell = cell;
    this.self = new ActorRef<never>(cell.address, node.exchange);
  }

  get sender(): ActorRef<never> | undefined {
    const sender = this.#cell.hand?.sender;
    return sender === undefined ? undefined : new ActorRef<never>(sender, this.#node.exchange);
  }

  reply(answer: unknown): void {
    this.#cell.reply(answer);
  }

  supervise(flags: ChildSupervision): void {
    if (this.#supervisor !== undefined) {
      throw millraceError(
        'ERR_MILLRACE_ALREADY_STARTED',
        `${this.#cell.spec.path} has children already: call ctx.supervise before the first ctx.spawn`,
      );
    }
    this.#flags = flags;
    // What is wrong with them is said here and not at the first child.
    this.#supervisor = this.#newSupervisor();
  }

  async spawn<M, A>(
    behaviour: BehaviourClass<M, A> | URL | string,
    options: ChildOptions<A> = {},
  ): Promise<ActorRef<M>> {
    const { path } = this.#cell.spec;
    const { state } = this.#cell;
    if (state === 'stopping' || state === 'ended')
      throw millraceError('ERR_MILLRACE_STOPPED', `${path} is ending and takes no more children`);
    this.#supervisor ??= this.#newSupervisor();
    const name = options.name ?? this.#node.newName();
    const spec: ChildSpec<ChildStart> = childSpecOf(name, options as ChildOptions<never>, {
      source: behaviour as BehaviourSource,
      options: options as ChildOptions,
    });
    await this.#supervisor.startChild(spec);
    const incarnation = this.#lives.get(name)!;
    return new ActorRef<M>(
      { path: `${path}/${name}`, incarnation, node: this.#node.exchange.node },
      this.#node.exchange,
    );
  }

  watch(ref: ActorRef<never>): void {
    const { path, incarnation } = ref;
    const key = ref.toString();
    const list = this.#watches.get(key) ?? [];
    this.#watches.set(key, list);
    // The Down of one that is dead already may come before `watch` returns.
    let ended = false;
    let watch = 0;
    watch = this.#node.exchange.watch(ref, (life, reason) => {
      ended = true;
      this.#forget(key, watch);
      this.#cell.tell(new Down(path, life === 0 ? incarnation : life, reason));
    });
    if (ended) this.#forget(key, watch);
    else list.push(watch);
  }

  unwatch(ref: ActorRef<never>): void {
    const key = ref.toString();
    for (const watch of this.#watches.get(key) ?? []) this.#node.exchange.unwatch(watch);
    this.#watches.delete(key);
  }

  stop(ref?: ActorRef<never>): void {
    if (
      ref === undefined ||
      (ref.path === this.self.path && ref.incarnation === this.self.incarnation)
    )
      this.#cell.stop({ kind: 'normal' });
    else
      this.#node.exchange.send({
        type: 'stop',
        to: { path: ref.path, incarnation: ref.incarnation, node: ref.node },
      });
  }

  named<M>(path: string): ActorRef<M> {
    return new ActorRef<M>({ path, incarnation: 0, node: -1 }, this.#node.exchange);
  }

  heartbeat(): void {
    this.#node.heartbeat();
  }

  /** @internal The node ends a child on somebody's wish. */
  terminate(name: string): boolean {
    if (this.#supervisor === undefined) return false;
    const supervisor = this.#supervisor;
    void supervisor
      .terminateChild(name)
      .then(() => supervisor.deleteChild(name))
      .catch(() => undefined);
    return true;
  }

  /** @internal Whether a child that ended will be there again. */
  awaits(name: string): boolean {
    const state = this.#supervisor?.children().find(({ id }) => id === name)?.state;
    return state === 'waiting' || state === 'starting' || state === 'up';
  }

  /** @internal */
  stopChildren(): Promise<void> | undefined {
    return this.#supervisor === undefined || this.#supervisor.children().length === 0
      ? undefined
      : this.#supervisor.stop();
  }

  /** @internal */
  killChildren(): void {
    this.#supervisor?.kill();
  }

  /** @internal */
  unwatchAll(): void {
    for (const list of this.#watches.values())
      for (const watch of list) this.#node.exchange.unwatch(watch);
    this.#watches.clear();
  }

  #forget(key: string, watch: number): void {
    const list = this.#watches.get(key);
    if (list === undefined) return;
    const at = list.indexOf(watch);
    if (at >= 0) list.splice(at, 1);
    if (list.length === 0) this.#watches.delete(key);
  }

  #newSupervisor(): Supervisor<ChildStart> {
    const supervisor = new Supervisor<ChildStart>({
      env: this.#node.env,
      path: this.#cell.spec.path,
      spec: { ...this.#flags, children: [] },
      host: { start: (child, life) => this.#startChild(child, life) },
      onExit: (reason, blamed) => this.#gaveUp(reason, blamed),
    });
    supervisor.start();
    return supervisor;
  }

  #startChild(
    { id, path, start: { source, options } }: StartedChild<ChildStart>,
    life: Life,
  ): ChildHandle {
    const incarnation = this.#node.nextLife(path, this.#lives.get(id) ?? 0);
    this.#lives.set(id, incarnation);
    return this.#node.start(
      {
        path,
        incarnation,
        number: this.#cell.spec.number,
        args: options.args,
        mailboxSize: options.mailboxSize ?? this.#cell.spec.mailboxSize,
        asyncTimeoutMs: options.asyncTimeoutMs ?? this.#cell.spec.asyncTimeoutMs,
        create: creatorOf(source, incarnation),
      },
      life,
    );
  }

  #gaveUp(
    reason: ExitReason,
    blamed: { readonly id: string; readonly reason: ExitReason } | undefined,
  ): void {
    const {
      state,
      spec: { path },
    } = this.#cell;
    if (state === 'stopping' || state === 'ended') return;
    const detail = reason.kind === 'shutdown' ? (reason.detail ?? '') : '';
    if (!detail.startsWith('reached_max_restarts')) {
      this.#cell.end(reason);
      return;
    }
    const last = blamed?.reason;
    this.#cell.fail(
      millraceError('ERR_MILLRACE_REACHED_MAX_RESTARTS', `${path}: ${detail}`, {
        context: { actor: path, ...(blamed === undefined ? {} : { child: blamed.id }) },
        ...(last !== undefined && 'error' in last ? { cause: fromWire(last.error) } : {}),
      }),
    );
  }
}
