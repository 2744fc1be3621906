/** The built command as a child process of a test, with what it says so far and deadlines on all waiting. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const root: string = fileURLToPath(new URL('../../', import.meta.url));
const MAIN = `${root}dist/cli/main.js`;
const WAIT_MS = 40_000;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a user's shell would have: nothing of the test runner's. */
export function cleanEnv(extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { NO_COLOR: '1' };
  for (const [key, value] of Object.entries(process.env)) {
    if (
      !/^(VITEST|NODE_TEST_CONTEXT|NODE_OPTIONS|NODE_ENV|TEST|MODE|PROD|DEV|SSR|BASE_URL)/.test(key)
    )
      env[key] = value;
  }
  return { ...env, ...extra };
}

export class Command {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  stdout = '';
  stderr = '';
  readonly #waiting = new Set<() => void>();
  #over = false;

  /** @param command the program and its arguments */
  constructor(command: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.child = spawn(command[0]!, command.slice(1), {
      cwd: root,
      env: cleanEnv(env),
      stdio: 'pipe',
    });
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 55_000);
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.#news();
    });
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.#news();
    });
    this.ended = new Promise((resolve) => {
      this.child.on('close', (code, signal) => {
        clearTimeout(timer);
        this.#over = true;
        this.#news();
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr });
      });
    });
  }

  /** Waits until what it has said on either stream matches. */
  async said(pattern: RegExp): Promise<RegExpExecArray> {
    return this.until(
      () => pattern.exec(this.stdout) ?? pattern.exec(this.stderr) ?? undefined,
      String(pattern),
    );
  }

  /** Waits until `look`, which is called at everything new, gives something. */
  async until<T>(look: () => T | undefined, what: string): Promise<T> {
    const deadline = performance.now() + WAIT_MS;
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      if (this.#over || performance.now() > deadline) {
        throw new Error(
          `never came: ${what}\n--- stdout\n${this.stdout}\n--- stderr\n${this.stderr}`,
        );
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1000);
        const news = (): void => {
          clearTimeout(timer);
          this.#waiting.delete(news);
          resolve();
        };
        this.#waiting.add(news);
      });
    }
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  #news(): void {
    for (const news of this.#waiting) news();
  }
}

const started = new Set<Command>();

export function millrace(args: readonly string[], env: NodeJS.ProcessEnv = {}): Command {
  const command = new Command([process.execPath, MAIN, ...args], env);
  started.add(command);
  void command.ended.then(() => started.delete(command));
  return command;
}

/** For `afterEach`: nothing outlives its test. */
export async function endAll(): Promise<void> {
  for (const command of started) {
    command.child.kill('SIGKILL');
    await command.ended;
  }
}

export const jobFile = (name: string): string =>
  fileURLToPath(new URL(`./jobs/${name}`, import.meta.url));
