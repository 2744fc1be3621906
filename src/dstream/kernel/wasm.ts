/**
 * The kernel's WebAssembly module: compiled once a thread, instantiated once a task.
 *
 * I1  An instance has a memory of its own. A thread that dies in the middle of a block spoils
 *     nobody else's table, and a frame of a ring is let go as soon as it is copied in.
 * I2  Memory never shrinks; an instance's is freed with the instance.
 * I3  When memory runs out, the call throws a RangeError. What it was about to do is then done in
 *     part, so the instance must be thrown away.
 */
import { KERNEL_BASE64 } from './kernel.wasm.ts';

/** What assembly/text.ts exports. Addresses and counts are u32, so they come with `>>> 0`. */
export interface Kernel {
  readonly memory: WebAssembly.Memory;
  /** Distinct keys in the table. */
  readonly used: WebAssembly.Global;
  /** Tokens of the last block, when the program counts. */
  readonly counted: WebAssembly.Global;
  start(): void;
  claim(bytes: number): number;
  program(
    perLine: boolean,
    lowerFirst: boolean,
    tokens: number,
    separator: number,
    counting: boolean,
    steps: number,
    stepCount: number,
  ): void;
  /** A region for the arguments of `run`, `add` and `merge`; valid until the next call. */
  input(bytes: number): number;
  run(length: number): number;
  add(at: number, length: number, count: number): void;
  merge(at: number, count: number, bytes: number): number;
  partition(partitions: number): number;
  clear(): void;
}

let module: WebAssembly.Module | undefined;

export function instantiate(): Kernel {
  module ??= new WebAssembly.Module(Buffer.from(KERNEL_BASE64, 'base64'));
  const { exports } = new WebAssembly.Instance(module, { memory: { outOfMemory } });
  const kernel = exports as unknown as Kernel;
  kernel.start();
  return kernel;
}

function outOfMemory(bytes: number): never {
  throw new RangeError(
    `a byte kernel cannot get ${bytes} bytes more: WebAssembly memory is limited to 4 GiB`,
  );
}
