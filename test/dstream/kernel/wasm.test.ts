/** The committed module is the one that its source gives. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const at = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

it.runIf(existsSync(at('node_modules/assemblyscript')))(
  'is what assembly/ compiles to',
  async () => {
    const { kernelSource } = (await import(at('scripts/build-kernel.mjs'))) as {
      kernelSource(): Promise<string>;
    };
    const committed = readFileSync(at('src/dstream/kernel/kernel.wasm.ts'), 'utf8');
    expect(await kernelSource()).toBe(committed);
  },
);
