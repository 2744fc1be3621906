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
import type { Job } from '../../dstream/job.ts';
import type { KillWay, ThreadRole } from '../../run/engine.ts';
import type { RunOptions } from '../../run/options.ts';
import { startRun } from '../../run/run.ts';
import type { Run } from '../../run/running.ts';
import { msText, thousands, timeText } from '../event-log.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import type { CommandOutput } from '../run-command.ts';
import { StopSwitch } from '../signals.ts';
import { COUNTS, demoJob, LINES } from './demo-job.ts';
import { DemoModel, type DemoBatch, type DemoView } from './demo-model.ts';
import { Display, isInteractive } from './display.ts';
import { killPlan } from './kill-plan.ts';
import { Killer } from './killer.ts';
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
  /** Lines even on a terminal. */
  readonly plain: boolean;
}

const HOST = '127.0.0.1';
const INTERVAL_MS = 1_000;
const PLAIN_RUN_MS = 10_000;
/** So long without any progress, and the job won't count what the server had sent when it was held. */
const CATCH_UP_MS = 20_000;
const DRAIN_MS = 20_000;
/** What a thread that won't end may hold up the command for after "stop now". */
const STOP_NOW_MS = 2_000;

/** Deaths are what this is about. */
const OPTIONS: RunOptions<never> = {
  // A worker that hoards memory dies of it soon.
  maxHeapMb: 256,
  supervision: {
    maxRestarts: 1_000,
    withinMs: 300_000,
    backoff: { minMs: 10, maxMs: 200 },
    // An endless loop is found and ended after this time.
    hangTimeoutMs: 2_000,
  },
};

const WAY_OF_KEY: Readonly<Record<string, KillWay>> = {
  k: 'terminate',
  t: 'throw',
  e: 'exit',
  o: 'oom',
  l: 'spin',
};
const ROLE_OF_KEY: Readonly<Record<string, ThreadRole>> = { s: 'sources', c: 'coordinator' };

export async function demoCommand(flags: DemoFlags, output: CommandOutput): Promise<ExitCode> {
  const demo = new Demo(flags, output);
  try {
    return await demo.run();
  } finally {
    demo.end();
  }
}

class Demo {
  readonly #flags: DemoFlags;
  readonly #output: CommandOutput;
  readonly #threads: number;
  readonly #model: DemoModel = new DemoModel();
  readonly #display: Display;
  readonly #server: TextClient = TextClient.start();
  readonly #switch: StopSwitch;
  /** Resolves when the running is to end. */
  readonly #enough: Promise<void>;
  /** Resolves when all is to end at once. */
  readonly #stopNow: Promise<'now'>;
  #run: Run | undefined;
  #killer: Killer | undefined;
  #phase: 'starting' | 'running' | 'catching up' | 'draining' = 'starting';
  #startedAt = performance.now();
  /** Something was counted. */
  #news: () => void = () => {};

  constructor(flags: DemoFlags, output: CommandOutput) {
    this.#flags = flags;
    this.#output = output;
    // One core is for the server and for this thread.
    this.#threads = flags.threads ?? Math.min(4, Math.max(2, availableParallelism() - 1));
    this.#display = new Display({
      interactive: isInteractive() && !flags.plain,
      view: () => this.#view(),
      key: (key) => this.#key(key),
      out: output.out,
    });
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
    await Promise.race([
      this.#run?.stop({ graceful: false }),
      sleep(STOP_NOW_MS, undefined, { ref: false }),
    ]);
    this.#display.close();
    this.#output.err('millrace demo: stopped before it was drained; the counts were not checked\n');
    return EXIT.undrained;
  }

  end(): void {
    this.#display.close();
    this.#switch[Symbol.dispose]();
    this.#server.end();
  }

  async #work(): Promise<ExitCode> {
    const {
      rate,
      runMs = this.#display.interactive ? undefined : PLAIN_RUN_MS,
      killEveryMs,
    } = this.#flags;
    this.#display.open();
    const port = await this.#server.listen(rate);
    const running = await this.#start(port);
    this.#say(
      `job network-wordcount on ${this.#threads} worker threads; the server (process ${this.#server.pid}, ${HOST}:${port}) ` +
        `sends ${thousands(rate)} lines/s`,
    );
    const killer = new Killer(running, this.#model, (line) => this.#display.line(line));
    this.#killer = killer;
    if (!this.#display.interactive && runMs !== undefined) {
      this.#say(
        `runs for ${msText(runMs)} and kills a worker every ${msText(killEveryMs)}, the sources and the coordinator once`,
      );
      void killer.byPlan(killPlan(runMs, killEveryMs), this.#startedAt);
    }
    const failed = running.awaitTermination();
    failed.catch(() => {});
    const timeIsUp = runMs === undefined ? undefined : sleep(runMs, undefined, { ref: false });
    await Promise.race([this.#enough, failed, ...(timeIsUp === undefined ? [] : [timeIsUp])]);
    killer.end();
    return await this.#finish(running);
  }

  async #start(port: number): Promise<Run> {
    const options = { ...OPTIONS, args: { host: HOST, port }, threads: this.#threads };
    const prepared = (fresh: Run): void => {
      for (const follow of [
        this.#followEvents(fresh),
        this.#followCounts(fresh),
        this.#followLines(fresh),
      ]) {
        // What ends a feed with an error fails the run too, and is told there.
        follow.catch(() => {});
      }
    };
    const running = await startRun(demoJob as Job<never>, options as RunOptions<never>, {
      prepared,
    });
    this.#run = running;
    this.#phase = 'running';
    this.#startedAt = performance.now();
    return running;
  }

  async #finish(running: Run): Promise<ExitCode> {
    const { out, err } = this.#output;
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
    const { exact, differences, leftBytes } = compare(
      tally,
      await this.#server.ledger(tally.bytes),
      goal,
    );
    this.#display.close();
    if (stuckThreads.length > 0) this.#output.stuck(stuckThreads);
    for (const name of stuckThreads) err(`millrace demo: ${name} didn't end and was left behind\n`);
    if (!drained) {
      err(`millrace demo: not drained within ${msText(DRAIN_MS)}; the counts were not checked\n`);
      return EXIT.undrained;
    }
    const deaths = `${killed} thread${killed === 1 ? '' : 's'} killed`;
    const counted = `${thousands(tally.words)} words in ${thousands(tally.lines)} lines, ${deaths}`;
    if (!exact) {
      out(`counts WRONG, ${deaths}:\n${differences.map((line) => `  ${line}\n`).join('')}`);
      return EXIT.failed;
    }
    if (leftBytes > 0) {
      out(
        `counts exact as far as they go (${counted}), but the job was stopped before it had all\n`,
      );
      err(
        `millrace demo: ${thousands(leftBytes)} of the ${thousands(goal.bytes)} bytes served were not counted\n`,
      );
      return EXIT.undrained;
    }
    out(`counts exact: ${counted}\n`);
    return EXIT.drained;
  }

  /** All that the server has sent is counted and all who were to die are dead, or there is no more hope for it. */
  async #caughtUp(running: Run, goal: Served): Promise<void> {
    let until = performance.now() + CATCH_UP_MS;
    let before = this.#model.tally.bytes;
    while (this.#model.tally.bytes < goal.bytes || this.#model.doomed > 0) {
      if (running.state !== 'active' || performance.now() > until) return;
      const news = new Promise<void>((resolve) => {
        this.#news = resolve;
      });
      await Promise.race([news, sleep(200)]);
      if (this.#model.tally.bytes === before) continue;
      before = this.#model.tally.bytes;
      until = performance.now() + CATCH_UP_MS;
    }
  }

  // ---- what comes from the run

  async #followEvents(running: Run): Promise<void> {
    for await (const event of running.events()) {
      for (const line of this.#model.event(event, Date.now())) this.#display.line(line);
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
    for (const batch of this.#model.takeBatches()) this.#display.line(batchLine(batch));
    this.#news();
  }

  // ---- what is shown, and keys

  #view(): DemoView {
    return this.#model.view({
      title: `millrace demo: word count over TCP on ${this.#threads} workers`,
      phase: this.#phase,
      elapsedMs: performance.now() - this.#startedAt,
      intervalMs: INTERVAL_MS,
      threads: this.#run?.threads() ?? [],
    });
  }

  #key(key: string): void {
    if (key === 'q' || key === '\x03') this.#switch.ask(key === 'q' ? 'q' : 'Ctrl-C');
    const way = WAY_OF_KEY[key];
    const role = way === undefined ? ROLE_OF_KEY[key] : 'worker';
    if (role === undefined || this.#phase !== 'running') return;
    if (this.#killer?.kill(role, way ?? 'terminate') === false)
      this.#say(`no ${role} thread is up just now: it is being replaced`);
  }

  #say(text: string): void {
    this.#display.line(this.#model.say(text, Date.now()));
  }
}

function batchLine({ time, lines, words, processingMs, delayMs, top }: DemoBatch): string {
  const best = top.slice(0, 3).map(([word, count]) => `${word} ${thousands(count)}`);
  return (
    `${timeText(time)}  batch: ${thousands(lines)} lines, ${thousands(words)} words, worked on for ${msText(processingMs)}, ` +
    `out after ${msText(delayMs)}${best.length === 0 ? '' : `; ${best.join(', ')}`}`
  );
}
