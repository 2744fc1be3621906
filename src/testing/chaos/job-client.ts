/** The watching side of a chaos run's job: starts its process, orders, listens, and signals. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { FromJob, ToJob } from './job-protocol.ts';

/** What is kept of what the process says on standard error. */
const ERROR_CHARACTERS = 4000;

export interface JobExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The end of what it said on standard error. */
  readonly stderr: string;
}

/** What the process has beside its program. */
export interface Preloaded {
  /** Modules that every thread loads first. */
  readonly imports?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export class JobClient {
  readonly exited: Promise<JobExit>;
  readonly #child: ChildProcess;
  #gone = false;

  /** @param room its directory for temporary files */
  constructor(
    room: string,
    hear: (message: FromJob) => void,
    { imports = [], env = {} }: Preloaded = {},
  ) {
    // The same folder, the same kind of file: src when that is run as it is, else dist.
    const file = `./job-process${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`;
    const child = fork(fileURLToPath(new URL(file, import.meta.url)), [], {
      serialization: 'advanced',
      execArgv: imports.flatMap((each) => ['--import', each]),
      env: { ...withoutTestRunner(process.env), ...env, TMPDIR: room },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      // A Ctrl-C at the terminal is for whoever watches; the job is told by a message.
      detached: true,
    });
    this.#child = child;
    let stderr = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-ERROR_CHARACTERS);
    });
    child.on('message', (message: FromJob) => hear(message));
    this.exited = new Promise((resolve) => {
      child.on('close', (code, signal) => {
        this.#gone = true;
        resolve({ code, signal, stderr });
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  post(message: ToJob): void {
    // It may be dying: then nobody is there to do it, and nobody answers.
    if (!this.#gone && this.#child.connected) this.#child.send(message, () => {});
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.#gone) this.#child.kill(signal);
  }
}

/** Of a job that runs in a test of its own, no option of the test runner is any business. */
function withoutTestRunner(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(([key]) => !/^(VITEST|NODE_TEST_CONTEXT|NODE_OPTIONS$)/.test(key)),
  );
}
