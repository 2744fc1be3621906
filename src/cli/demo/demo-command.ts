/**
 * `millrace demo`: counts the words of a real TCP stream while its threads are killed, and then holds the counts
 * against what the server has served.
 *
 *   starting ──▶ running ──▶ catching up ──▶ draining ──▶ counts exact (0) or not (70)
 *                   │ keys or the plan kill threads
 *
 * The end: the server holds where it is, so there is a position that the job must reach; the job is given time to
 * reach it, then it is drained. What it counted must be, word for word, what the server has served up to there.
 */
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KillWay, ThreadInfo, ThreadRole } from '../../run/engine.ts';
import { startRun } from '../../run/run.ts';
import type { RunOptions } from '../../run/options.ts';
import type { Run } from '../../run/running.ts';
import type { Job } from '../../dstream/job.ts';
import { msText, thousands, timeText } from '../event-log.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import type { CommandOutput } from '../run-command.ts';
import { StopSwitch } from '../signals.ts';
import { COUNTS, demoJob, LINES } from './demo-job.ts';
import { DemoModel, type DemoBatch } from './demo-model.ts';
import { demoTable } from './demo-table.ts';
import { killPlan } from './kill-plan.ts';
import { isInteractive, Screen, wantsColor } from './screen.ts';
import { compare } from './tally.ts';
import { TextClient } from './text-client.ts';
import type { Served } from './text-process.ts';

export interface DemoFlags {
  readonly threads?: number;
  /** Lines a second. */
  readonly rate: number;
  /** @default until a key ends it; 10 s without a terminal */
  readonly runMs?: number;
  /** Between the kills of workers, without a terminal. */
  readonly killEveryMs: number;
  readonly plain: boolean;
}

const HOST = '127.0.0.1';
const INTERVAL_MS = 1_000;
const PLAIN_RUN_MS = 10_000;
const FRAME_MS = 100;
/** The job has this long to count what the server had sent when it was held. */
const CATCH_UP_MS = 20_000;
const DRAIN_MS = 20_000;
/** A worker that hoards memory should die of it soon. */
const MAX_HEAP_MB = 256;
/** An endless loop is found and ended after this time. */
const HANG_MS = 2_000;

const WAY_OF_KEY: Readonly<Record<string, KillWay>> = { k: 'terminate', t: 'throw', e: 'exit', o: 'oom', l: 'spin' };

export async function demoCommand(flags: DemoFlags, output: CommandOutput): Promise<ExitCode> {
  const demo = new Demo(flags, output, isInteractive() && !flags.plain);
  try {
    return await demo.run();
  } finally {
    demo.end();
  }
}

class Demo {
  readonly #flags: DemoFlags;
  readonly #output: CommandOutput;
  readonly #interactive: boolean;
  readonly #threads: number;
  readonly #model: DemoModel = new DemoModel();
  readonly #server: TextClient = TextClient.start();
  readonly #switch: StopSwitch;
  /** Resolves when the running is to end. */
  readonly #enough: Promise<void>;
  /** Rejects never; resolves when all is to end at once. */
  readonly #stopNow: Promise<'now'>;
  #wake: () => void = () => {};
  #screen: Screen | undefined;
  #frames: NodeJS.Timeout | undefined;
  #run: Run | undefined;
  #phase = 'starting';
  #startedAt = performance.now();

  constructor(flags: DemoFlags, output: CommandOutput, interactive: boolean) {
    this.#flags = flags;
    this.#output = output;
    this.#interactive = interactive;
    // One core is for the server and for this thread.
    this.#threads = flags.threads ?? Math.min(4, Math.max(2, availableParallelism() - 1));
    let enough!: () => void;
    let now!: (word: 'now') => void;
    this.#enough = new Promise((resolve) => {
      enough = resolve;
    });
    this.#stopNow = new Promise((resolve) => {
      now = resolve;
    });
    this.#switch = new StopSwitch({
      drain: (why) => {
        this.#say(`${why}: draining; again to stop now`);
        enough();
      },
      now: () => now('now'),
    });
  }

  async run(): Promise<ExitCode> {
    const outcome = await Promise.race([this.#work(), this.#server.died, this.#stopNow]);
    if (outcome !== 'now') return outcome;
    await Promise.race([this.#run?.stop({ graceful: false }), sleep(2_000, undefined, { ref: false })]);
    this.#closeScreen();
    this.#output.err('millrace demo: stopped before it was drained; the counts were not checked\n');
    return EXIT.undrained;
  }

  end(): void {
    this.#closeScreen();
    this.#switch[Symbol.dispose]();
    this.#server.end();
  }

  async #work(): Promise<ExitCode> {
    const { rate, runMs = this.#interactive ? undefined : PLAIN_RUN_MS, killEveryMs } = this.#flags;
    if (this.#interactive) this.#openScreen();
    const port = await this.#server.listen(rate);
    const running = await this.#start(port);
    this.#say(
      `job network-wordcount on ${this.#threads} worker threads; the server (process ${this.#server.pid}, ${HOST}:${port}) ` +
        `sends ${thousands(rate)} lines/s`,
    );
    if (!this.#interactive) {
      this.#say(`runs for ${msText(runMs ?? 0)} and kills a worker every ${msText(killEveryMs)}, the sources and the coordinator once`);
      void this.#killByPlan(running, runMs ?? 0, killEveryMs);
    }
    const failed = running.awaitTermination();
    failed.catch(() => {});
    const timeIsUp = runMs === undefined ? new Promise<void>(() => {}) : sleep(runMs, undefined, { ref: false });
    await Promise.race([this.#enough, timeIsUp, failed]);
    return await this.#finish(running);
  }

  async #start(port: number): Promise<Run> {
    const supervision = { maxRestarts: 1_000, withinMs: 1_000, backoff: { minMs: 10, maxMs: 200 }, hangTimeoutMs: HANG_MS };
    const args = { host: HOST, port };
    const options = { args, threads: this.#threads, maxHeapMb: MAX_HEAP_MB, supervision };
    const prepared = (fresh: Run): void => {
      for (const follow of [this.#followEvents(fresh), this.#followCounts(fresh), this.#followLines(fresh)]) {
        // What ends a feed with an error fails the run too, and is told there.
        follow.catch(() => {});
      }
    };
    const running = await startRun(demoJob as Job<never>, options as RunOptions<never>, { prepared });
    this.#run = running;
    this.#phase = 'running';
    this.#startedAt = performance.now();
    return running;
  }

  async #finish(running: Run): Promise<ExitCode> {
    this.#phase = 'catching up';
    const goal = await this.#server.hold();
    await this.#caughtUp(running, goal);
    this.#phase = 'draining';
    const { drained, stuckThreads } = await running.stop({ graceful: true, deadline: DRAIN_MS });
    if (running.state === 'failed') await running.awaitTermination();
    // The last results are in the feeds; let their readers have them.
    await sleep(0);
    this.#tellBatches();
    const { tally, killed } = this.#model;
    const result = compare(tally, await this.#server.ledger(tally.bytes), goal);
    this.#closeScreen();
    for (const name of stuckThreads) this.#output.err(`millrace demo: ${name} didn't end and was left behind\n`);
    if (!drained) {
      this.#output.err(`millrace demo: not drained within ${msText(DRAIN_MS)}\n`);
      return EXIT.undrained;
    }
    const threads = `${killed} thread${killed === 1 ? '' : 's'} killed`;
    if (result.exact && result.leftBytes === 0) {
      this.#output.out(`counts exact: ${thousands(tally.words)} words in ${thousands(tally.lines)} lines, ${threads}\n`);
      return EXIT.drained;
    }
    const differences = [...result.differences];
    if (result.leftBytes > 0) differences.push(`${thousands(result.leftBytes)} of ${thousands(goal.bytes)} bytes that were served were not counted`);
    this.#output.out(`counts WRONG, ${threads}:\n${differences.map((line) => `  ${line}\n`).join('')}`);
    return EXIT.failed;
  }

  /** All that the server has sent is counted, or there is no more hope for it. */
  async #caughtUp(running: Run, goal: Served): Promise<void> {
    const until = performance.now() + CATCH_UP_MS;
    while (this.#model.tally.bytes < goal.bytes || this.#model.doomed > 0) {
      if (running.state !== 'active' || performance.now() > until) return;
      await Promise.race([new Promise<void>((resolve) => (this.#wake = resolve)), sleep(200)]);
    }
  }

  // ---- what comes from the run

  async #followEvents(running: Run): Promise<void> {
    for await (const event of running.events()) {
      for (const line of this.#model.event(event, Date.now())) this.#plain(line);
      this.#tellBatches();
    }
  }

  async #followCounts(running: Run): Promise<void> {
    for await (const { time, values } of running.results<readonly [string, number]>(COUNTS)) {
      this.#model.counts(time, values);
      this.#tellBatches();
    }
  }

  async #followLines(running: Run): Promise<void> {
    for await (const { time, values } of running.results<number>(LINES)) {
      this.#model.lines(time, values[0] ?? 0);
      this.#tellBatches();
    }
  }

  #tellBatches(): void {
    for (const batch of this.#model.takeBatches()) this.#plain(batchLine(batch));
    this.#wake();
  }

  // ---- kills

  async #killByPlan(running: Run, runMs: number, everyMs: number): Promise<void> {
    for (const { atMs, role, way } of killPlan(runMs, everyMs)) {
      await sleep(Math.max(0, this.#startedAt + atMs - performance.now()), undefined, { ref: false });
      // A thread that has just been replaced may not be up again.
      while (this.#phase === 'running' && !this.#kill(running, role, way)) await sleep(50, undefined, { ref: false });
      if (this.#phase !== 'running') return;
    }
  }

  #kill(running: Run, role: ThreadRole, way: KillWay): boolean {
    const victims = running.threads().filter((thread) => thread.role === role && thread.state === 'up' && !this.#model.isDoomed(thread.slot));
    const victim: ThreadInfo | undefined = victims[Math.floor(Math.random() * victims.length)];
    if (victim === undefined) return false;
    this.#plain(this.#model.doom(victim, way, Date.now()));
    running.kill(victim.slot, way);
    return true;
  }

  // ---- what is shown

  #openScreen(): void {
    const draw = (): void => this.#draw();
    this.#screen = new Screen({ key: (key) => this.#key(key), resized: draw });
    this.#frames = setInterval(draw, FRAME_MS);
    draw();
  }

  #closeScreen(): void {
    clearInterval(this.#frames);
    this.#screen?.restore();
    this.#screen = undefined;
  }

  #draw(): void {
    const screen = this.#screen;
    if (screen === undefined) return;
    const view = this.#model.view({
      title: `millrace demo: word count over TCP on ${this.#threads} workers`,
      phase: this.#phase,
      elapsedMs: performance.now() - this.#startedAt,
      intervalMs: INTERVAL_MS,
      threads: this.#run?.threads() ?? [],
    });
    screen.draw(demoTable(view, { ...screen.size, color: wantsColor() }));
  }

  #key(key: string): void {
    if (key === 'q' || key === '\x03') {
      this.#switch.ask(key === 'q' ? 'q' : 'Ctrl-C');
      return;
    }
    const running = this.#run;
    if (running === undefined || this.#phase !== 'running') return;
    const way = WAY_OF_KEY[key];
    const role: ThreadRole | undefined =
      way !== undefined ? 'worker' : key === 's' ? 'sources' : key === 'c' ? 'coordinator' : undefined;
    if (role !== undefined && !this.#kill(running, role, way ?? 'terminate')) {
      this.#say(`no ${role} thread is up just now: it is being replaced`);
    }
  }

  #say(text: string): void {
    this.#plain(this.#model.say(text, Date.now()));
  }

  #plain(line: string): void {
    if (!this.#interactive) this.#output.out(`${line}\n`);
  }
}

function batchLine({ time, lines, words, processingMs, delayMs, top }: DemoBatch): string {
  const best = top.slice(0, 3).map(([word, count]) => `${word} ${thousands(count)}`).join(', ');
  return (
    `${timeText(time)}  batch: ${thousands(lines)} lines, ${thousands(words)} words, worked on for ${msText(processingMs)}, ` +
    `out after ${msText(delayMs)}${best === '' ? '' : `; ${best}`}`
  );
}
