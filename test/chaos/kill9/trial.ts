/**
 * A job that is killed and started again on its directory, with what it reads from beside it. One process at a time: the
 * next starts when the one before is gone.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, watch } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { NumberedServer } from '../../../src/testing/chaos/numbered-server.ts';
import { faultsOf } from './ledger.ts';
import { AckServer, FileFeeder, PlainServer, StoreServer } from './servers.ts';

const PROGRAM = fileURLToPath(new URL('../../fixtures/programs/restarted.mjs', import.meta.url));
const JOB = new URL('../../fixtures/jobs/kill9.js', import.meta.url).href;
const PATIENCE_MS = 60_000;
const PER_SECOND = 1500;
const QUIET_BATCHES = 8;
const UP_TO_DATE_MS = 1000;

/** What the process says. */
export interface Word {
  readonly type: string;
  readonly [name: string]: unknown;
}

export interface LifeExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One life of the process. */
export class Life {
  readonly words: Word[] = [];
  /** It is to fail; otherwise that is a fault. */
  mayFail = false;
  readonly exited: Promise<LifeExit>;
  readonly #child: ChildProcess;
  readonly #waiting = new Set<() => void>();
  #exit: LifeExit | undefined;
  #stderr = '';

  constructor(
    argument: object,
    { imports = [], env = {} }: Pick<StartOptions, 'imports' | 'env'> = {},
  ) {
    const { VITEST: _, NODE_OPTIONS: __, ...outer } = process.env;
    this.#child = spawn(
      process.execPath,
      [...imports.flatMap((each) => ['--import', each]), PROGRAM, JSON.stringify(argument)],
      { stdio: ['pipe', 'pipe', 'pipe'], env: { ...outer, ...env } },
    );
    this.#child.stdin!.on('error', () => {});
    this.#child.stderr!.on('data', (text) => (this.#stderr += String(text)));
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      // Whoever is killed may be in the middle of a line.
      if (!line.endsWith('}')) return;
      this.words.push(JSON.parse(line) as Word);
      this.#look();
    });
    this.exited = new Promise((resolve) => {
      this.#child.on('close', (code, signal) => {
        this.#exit = { code, signal };
        resolve(this.#exit);
        this.#look();
      });
    });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get exit(): LifeExit | undefined {
    return this.#exit;
  }

  ofType(type: string): Word[] {
    return this.words.filter((word) => word.type === type);
  }

  /** The batches of the time in which it was down have been made up for. */
  get isUpToDate(): boolean {
    const time = Number(this.ofType('batchCompleted').at(-1)?.['time'] ?? 0);
    return time > Date.now() - UP_TO_DATE_MS;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.exited;
  }

  /** @throws when the process ends before, or it takes too long */
  async until(what: string, condition: () => boolean): Promise<void> {
    let end = performance.now() + PATIENCE_MS;
    let batches = 0;
    while (!condition()) {
      // A busy machine may have much to make up for, and that is no standstill.
      const now = this.ofType('batchCompleted').length;
      if (now > batches) end = performance.now() + PATIENCE_MS;
      batches = now;
      if (this.#exit !== undefined || performance.now() > end)
        throw new Error(`not seen: ${what}\n${this.story()}`);
      let look = (): void => {};
      await Promise.race([
        new Promise<void>((resolve) => this.#waiting.add((look = resolve))),
        wait(50),
      ]);
      this.#waiting.delete(look);
    }
  }

  up(): Promise<void> {
    return this.until('it is up', () => this.ofType('up').length > 0);
  }

  story(): string {
    const words = this.words.slice(-12).map((word) => JSON.stringify(word).slice(0, 400));
    return [`exit ${JSON.stringify(this.#exit)}`, ...words, this.#stderr.slice(-3000)].join('\n');
  }

  #look(): void {
    for (const look of this.#waiting) look();
  }
}

export interface TrialOptions {
  /** Where everything lies. @default a directory for temporary files */
  readonly room?: string;
  readonly checkpointDir?: string;
}

export interface StartOptions {
  readonly imports?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Of the job. */
  readonly args?: object;
  /** Options of `run`. */
  readonly run?: object;
  readonly deadlineMs?: number;
}

export class Trial {
  readonly room: string;
  readonly directory: string;
  readonly output: string;
  readonly plain: PlainServer = new PlainServer('p:', PER_SECOND);
  readonly acked: AckServer = new AckServer('a:', PER_SECOND);
  readonly hello: NumberedServer = new NumberedServer({ name: 'h:', rate: PER_SECOND });
  readonly files: FileFeeder;
  readonly store: StoreServer = new StoreServer();
  readonly lives: Life[] = [];
  readonly faults: string[] = [];
  readonly #options: TrialOptions;
  #ports!: Readonly<Record<'plain' | 'acked' | 'hello' | 'store', number>>;
  /** Records of the plain socket that completed batches had, by batch time. */
  readonly #completed = new Map<number, string>();
  #plainTold = 0;
  readonly #heard = new Set<Word>();

  constructor(options: TrialOptions = {}) {
    this.#options = options;
    this.room = options.room ?? mkdtempSync(join(tmpdir(), 'kill9-'));
    this.directory = options.checkpointDir ?? join(this.room, 'checkpoints');
    this.output = join(this.room, 'output');
    mkdirSync(join(this.room, 'input'), { recursive: true });
    this.files = new FileFeeder(join(this.room, 'input'), 100, 100);
  }

  async listen(): Promise<void> {
    this.#ports = {
      plain: await this.plain.listen(),
      acked: await this.acked.listen(),
      hello: await this.hello.listen(),
      store: await this.store.listen(),
    };
  }

  start({ args = {}, run = {}, deadlineMs = 30_000, ...more }: StartOptions = {}): Life {
    const input = join(this.room, 'input');
    const options = {
      threads: 2,
      checkpointDir: this.directory,
      checkpointInterval: 500,
      args: { ports: this.#ports, input, output: this.output, ...args },
      ...run,
    };
    const life = new Life({ job: JOB, options, deadlineMs }, more);
    this.lives.push(life);
    void life.exited.then(() => {
      this.#hear(life);
    });
    return life;
  }

  /** Begins no more records. */
  hold(): void {
    for (const source of [this.plain, this.acked, this.hello, this.files]) source.hold();
  }

  /** Something in the checkpoint directory changes, or the time is up. */
  async change(withinMs: number): Promise<void> {
    const abort = new AbortController();
    await Promise.race([
      wait(withinMs, undefined, { signal: abort.signal }),
      new Promise<void>((resolve) => {
        const watcher = watch(this.directory, { signal: abort.signal }, () => resolve());
        watcher.on('error', () => {});
      }),
    ]).catch(() => {});
    abort.abort();
  }

  /**
   * The sources begin no more, a last life gives out all of it and is drained.
   * @returns what is not exact
   */
  async finish(life: Life = this.start()): Promise<string[]> {
    await life.up();
    // Before that the last connection may be one that is gone.
    await life.until('batches', () => life.ofType('batchCompleted').length > 2);
    this.hold();
    // Whoever is between two connections is back by then, and windows have closed.
    await life.until('all is in', () => {
      const batches = life.ofType('batchCompleted').slice(-QUIET_BATCHES);
      return (
        life.isUpToDate &&
        batches.length === QUIET_BATCHES &&
        batches.every(({ numRecords }) => numRecords === 0)
      );
    });
    life.signal('SIGTERM');
    const exit = await life.exited;
    if (exit.code !== 0) this.faults.push(`the last life ended with ${JSON.stringify(exit)}`);
    this.#hear(life);
    return this.judge();
  }

  judge(): string[] {
    return [
      ...this.faults,
      ...this.acked.faults,
      ...this.store.faults,
      ...faultsOf(this.output, {
        whole: [
          { records: this.acked.records, count: this.acked.hold() },
          { records: this.hello, count: this.hello.hold() },
          { records: this.files.records, count: this.files.hold() },
        ],
        stored: this.store.rows,
        plain: {
          records: this.plain.records,
          connections: this.plain.connections,
          atLeast: this.#plainTold,
        },
      }),
    ];
  }

  async close(): Promise<void> {
    for (const life of this.lives) if (life.exit === undefined) await life.kill();
    this.plain.stop();
    this.acked.stop();
    this.hello.stop();
    this.store.stop();
    this.files.hold();
    if (this.#options.room === undefined) rmSync(this.room, { recursive: true, force: true });
  }

  /** A batch that runs again has the same records, and what a completed batch had is safe. */
  #hear(life: Life): void {
    for (const word of life.ofType('batchCompleted')) {
      if (this.#heard.has(word)) continue;
      this.#heard.add(word);
      const infos = Object.values(
        word['streamIdToInputInfo'] as Record<string, { name: string; numRecords: number }>,
      );
      const had = infos.map(({ name, numRecords }) => `${name} ${numRecords}`).join(', ');
      const time = Number(word['time']);
      const before = this.#completed.get(time);
      if (before !== undefined) {
        if (before !== had)
          this.faults.push(`batch ${time} had ${before}, and when it ran again ${had}`);
        continue;
      }
      this.#completed.set(time, had);
      this.#plainTold += infos.find(({ name }) => name === 'plain')?.numRecords ?? 0;
    }
    if (life.mayFail) return;
    for (const type of ['error', 'failed'])
      for (const word of life.ofType(type))
        if (!this.#heard.has(word)) {
          this.#heard.add(word);
          this.faults.push(
            `life ${this.lives.indexOf(life) + 1}: ${JSON.stringify(word).slice(0, 600)}`,
          );
        }
  }
}
