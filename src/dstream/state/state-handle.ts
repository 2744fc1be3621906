/**
 * What a function given to `mapWithState` sees of a key's state. One object serves all calls of an operator.
 *
 * I1  It works during a call only. Whatever is wrong with its use is said at once, at the place of that use.
 */

/** The state of one key, during one call. */
export interface State<S> {
  /** Whether the key has a state now. */
  exists(): boolean;
  /** The state. Throws when there is none. */
  get(): S;
  /** The state, or undefined when there is none. */
  getOption(): S | undefined;
  /** Gives the key a state, or another one. Not after `remove`, nor while it is timing out. */
  update(state: S): void;
  /** Ends the key's state. Not twice, nor while it is timing out. */
  remove(): void;
  /** Whether this call is the key's last: it has been idle for longer than `timeout`. */
  isTimingOut(): boolean;
}

/** A use of `State` that it does not allow. Whoever knows the operator turns it into a coded error (`run/blame.ts`). */
export class BadStateUse extends Error {
  readonly key: unknown;

  constructor(key: unknown, why: string) {
    super(why);
    this.key = key;
  }
}

export class StateHandle<S> implements State<S> {
  isUpdated = false;
  isRemoved = false;
  #key: unknown = undefined;
  #state: S | undefined = undefined;
  #exists = false;
  #timingOut = false;
  #isOpen = false;

  /** Before a call. */
  open(key: unknown, state: S | undefined, exists: boolean, timingOut: boolean): void {
    this.#key = key;
    this.#state = state;
    this.#exists = exists;
    this.#timingOut = timingOut;
    this.#isOpen = true;
    this.isUpdated = false;
    this.isRemoved = false;
  }

  /** After a call. */
  close(): void {
    this.#isOpen = false;
    this.#state = undefined;
  }

  exists(): boolean {
    this.#check('exists');
    return this.#exists;
  }

  get(): S {
    this.#check('get');
    if (!this.#exists)
      throw new BadStateUse(
        this.#key,
        'get() of a state that is not there; ask exists(), or use getOption()',
      );
    return this.#state as S;
  }

  getOption(): S | undefined {
    this.#check('getOption');
    return this.#state;
  }

  update(state: S): void {
    this.#check('update');
    if (this.isRemoved)
      throw new BadStateUse(this.#key, 'update() after remove() in the same call');
    if (this.#timingOut)
      throw new BadStateUse(
        this.#key,
        'update() while the key is timing out: this call is its last',
      );
    if (state === undefined)
      throw new BadStateUse(this.#key, 'update(undefined): a state has a value; remove() ends it');
    this.#state = state;
    this.#exists = true;
    this.isUpdated = true;
  }

  remove(): void {
    this.#check('remove');
    if (this.isRemoved)
      throw new BadStateUse(this.#key, 'remove() for the second time in the same call');
    if (this.#timingOut)
      throw new BadStateUse(
        this.#key,
        'remove() while the key is timing out: it is removed after this call',
      );
    this.#state = undefined;
    this.#exists = false;
    this.isRemoved = true;
    this.isUpdated = false;
  }

  isTimingOut(): boolean {
    this.#check('isTimingOut');
    return this.#timingOut;
  }

  #check(what: string): void {
    if (!this.#isOpen)
      throw new BadStateUse(this.#key, `${what}() outside of the call that the state was given to`);
  }
}
