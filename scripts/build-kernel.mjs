/**
 * Compiles assembly/ to WebAssembly and embeds it in src/dstream/kernel/kernel.wasm.ts, which is
 * committed: neither a build nor a user of the package needs the compiler.
 *
 *   node scripts/build-kernel.mjs            write the file
 *   node scripts/build-kernel.mjs --check    fail when the file isn't what assembly/ gives
 */
import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const target = join(root, 'src', 'dstream', 'kernel', 'kernel.wasm.ts');

const FLAGS = '-O3 --converge --noAssert --runtime stub --enable simd'.split(' ');

/** The text of kernel.wasm.ts, made from assembly/. Throws when it doesn't compile. */
export async function kernelSource() {
  const { default: asc } = await import('assemblyscript/asc');
  let binary;
  const { error, stderr } = await asc.main(
    ['assembly/text.ts', '--baseDir', root, '--outFile', 'kernel.wasm', ...FLAGS],
    { writeFile: (name, contents) => void (name === 'kernel.wasm' && (binary = contents)) },
  );
  if (error) throw new Error(`assembly/ doesn't compile:\n${stderr}`, { cause: error });
  return [
    '// Made from assembly/ by scripts/build-kernel.mjs. Do not edit.',
    `// ${binary.length} bytes of WebAssembly.`,
    'export const KERNEL_BASE64: string =',
    `  '${Buffer.from(binary).toString('base64')}';`,
    '',
  ].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const source = await kernelSource();
  const current = fs.existsSync(target) && fs.readFileSync(target, 'utf8') === source;
  if (process.argv.includes('--check')) {
    if (!current) console.error('kernel.wasm.ts is not what assembly/ gives: npm run build:kernel');
    process.exitCode = current ? 0 : 1;
  } else {
    if (!current) fs.writeFileSync(target, source);
    console.log(source.split('\n')[1].slice(3));
  }
}
