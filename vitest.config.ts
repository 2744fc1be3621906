import { fileURLToPath } from 'node:url';
import { defineConfig, type ViteUserConfig } from 'vitest/config';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const config: ViteUserConfig = defineConfig({
  resolve: {
    // A test that imports the package gets the built files, as do the worker threads it starts and
    // the jobs in test/fixtures: one copy, loaded by Node itself.
    alias: [
      { find: /^millrace$/, replacement: at('./dist/index.js') },
      { find: /^millrace\/actors$/, replacement: at('./dist/system/index.js') },
      { find: /^millrace\/testing$/, replacement: at('./dist/testing/index.js') },
      { find: /^millrace\/worker$/, replacement: at('./dist/worker.js') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['./scripts/vitest-setup.mjs'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 2,
    server: { deps: { external: [/\/dist\//] } },
  },
});

export default config;
