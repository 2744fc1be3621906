#!/usr/bin/env node
/**
 * The `millrace` command. It parses its line, loads the module of the one command that was named, and turns what
 * becomes of it into an exit code. Nothing else in Millrace exits, listens to signals or prints by itself.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import { cureOf } from './cure.ts';
import { errorReport } from './error-report.ts';
import { EXIT, exitCodeOf } from './exit-codes.ts';
import { durationFlag, secondsFlag, threadsFlag, wholeFlag } from './flags.ts';
import { parseJsonArgs } from './json-args.ts';
import { tellParent } from './parent.ts';

interface CommonFlags {
  readonly threads?: number;
  readonly args?: string;
  readonly json?: true;
  readonly verbose?: true;
}

const out = (text: string): void => {
  process.stdout.write(text);
};
const err = (text: string): void => {
  process.stderr.write(text);
};

interface RunOnlyFlags {
  readonly deadline: number;
  readonly checkpointDir?: string;
  readonly savepoint?: string;
  readonly allowDroppedState?: true | readonly string[];
  readonly restart?: true;
  readonly maxRestarts: number;
  readonly status?: string;
}

/** Of `--max-restarts`, as for threads. */
const RESTART_WINDOW_MS = 30_000;

let stuckThreads: readonly string[] = [];
const stuck = (threads: readonly string[]): void => {
  stuckThreads = threads;
};

/** Where `run` says its exit code. */
let status: string | undefined;
let code: number = EXIT.drained;
let verbose = isSet(process.env['MILLRACE_DEBUG']);

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== '0';
}

function version(): string {
  const url = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(url, 'utf8')) as { version: string }).version;
}

function common({ threads, args, json, verbose: asked }: CommonFlags): {
  threads?: number;
  args?: unknown;
  json: boolean;
  verbose: boolean;
} {
  if (asked === true) verbose = true;
  return {
    json: json === true,
    verbose,
    ...(threads === undefined ? {} : { threads }),
    ...(args === undefined ? {} : { args: parseJsonArgs(args) }),
  };
}

const threadsOption = (): Option =>
  new Option(
    '-t, --threads <n>',
    'worker threads; 0 runs all in one thread (default: the cores there are)',
  ).argParser(threadsFlag);
const argsOption = (): Option =>
  new Option('--args <json>', "what the job's builder gets, as JSON");
const jsonOption = (): Option => new Option('--json', 'print JSON, one object a line');
const verboseOption = (): Option =>
  new Option('-v, --verbose', 'tell of each batch, and show the stacks of errors');
const deadlineOption = (): Option =>
  new Option('--deadline <duration>', 'how long a drain may take')
    .argParser(durationFlag)
    .default(30_000, '30s');

const program = new Command('millrace')
  .description('Streams on all cores of one Node process, as supervised actors on worker threads.')
  .version(version(), '-V, --version', 'print the version')
  .helpOption('-h, --help', 'show this, or what a command takes')
  .helpCommand(false)
  .showHelpAfterError('(--help shows what there is)')
  .exitOverride()
  .addHelpText(
    'after',
    `
Ctrl-C (or SIGTERM) drains: nothing more is taken in, and what was taken in passes all outputs. Again: stops now.

Exit codes: 0 drained, 2 called wrongly, 70 the job failed, 71 out of memory, 75 stopped before it was drained, with
--checkpoint-dir: before its last checkpoint was durable.

Examples:
  millrace demo
  millrace run network-wordcount.ts --threads 2 --args '{"host":"localhost","port":9999}'
  millrace run counts.ts --checkpoint-dir /var/lib/counts --restart
  millrace plan network-wordcount.ts --args '{"host":"localhost","port":9999}'
  millrace chaos counts.ts --script kills.ts --report out`,
  );

program
  .command('run')
  .description('run the job that a file defines')
  .argument('<job>', 'file (.js, .ts) or URL of a module that calls job()')
  .addOption(threadsOption())
  .addOption(argsOption())
  .addOption(jsonOption())
  .addOption(deadlineOption())
  .addOption(
    new Option(
      '-c, --checkpoint-dir <dir>',
      'go on from there, and keep there what the job needs to outlive its process',
    ),
  )
  .addOption(
    new Option(
      '--savepoint <dir>',
      'begin from a savepoint, in a checkpoint directory that is new',
    ),
  )
  .addOption(
    new Option(
      '--allow-dropped-state [operators]',
      'let go of state that the job has no use for any more: of all operators, or of these (a,b)',
    ).argParser((names: string) => names.split(',')),
  )
  .addOption(
    new Option('--restart', 'run the job in a child process, and start that again when it dies'),
  )
  .addOption(
    new Option('--max-restarts <n>', 'with --restart: so many times in 30 s, and no more')
      .argParser(wholeFlag(0, 1_000_000))
      .default(3),
  )
  .addOption(new Option('--status <file>', 'write the exit code there, as JSON, at the end'))
  .addOption(verboseOption())
  .action(async (file: string, flags: CommonFlags & RunOnlyFlags) => {
    const { deadline, checkpointDir, savepoint, allowDroppedState } = flags;
    const given = {
      ...common(flags),
      deadlineMs: deadline,
      ...(checkpointDir === undefined ? {} : { checkpointDir }),
      ...(savepoint === undefined ? {} : { savepoint }),
      ...(allowDroppedState === undefined ? {} : { allowDroppedState }),
    };
    if (flags.restart === true) {
      code = await underParent(flags.maxRestarts, given.json);
      return;
    }
    const { runCommand } = await import('./run-command.ts');
    status = flags.status;
    code = await runCommand(file, given, { out, err, stuck });
  });

/** The child gets the same line, without `--restart`. */
async function underParent(maxRestarts: number, json: boolean): Promise<number> {
  const { restartCommand } = await import('./restart-command.ts');
  const { JsonVoice, TextVoice } = await import('./voice.ts');
  const voice = json ? new JsonVoice(out, Date.now) : new TextVoice(out, err, false);
  return restartCommand(
    {
      args: process.argv.slice(2).filter((word) => word !== '--restart'),
      maxRestarts,
      withinMs: RESTART_WINDOW_MS,
    },
    (text) => voice.note(text),
  );
}

program
  .command('plan')
  .description('show how the job of a file would run: graph, stages, tasks')
  .argument('<job>', 'file (.js, .ts) or URL of a module that calls job()')
  .addOption(threadsOption())
  .addOption(argsOption())
  .addOption(jsonOption())
  .addOption(verboseOption())
  .action(async (file: string, flags: CommonFlags) => {
    const given = common(flags);
    const { planCommand } = await import('./plan-command.ts');
    code = await planCommand(file, given, out);
  });

program
  .command('inspect')
  .description('show what lies in a checkpoint directory or savepoint, and whether it is whole')
  .argument('<dir>', 'the directory')
  .argument('[file]', 'with --import: JSON lines as --export writes them')
  .addOption(jsonOption())
  .addOption(new Option('--export <operator>', 'write the state of an operator as JSON lines'))
  .addOption(
    new Option(
      '--import <operator>',
      'make a savepoint in which an operator has the state of <file>',
    ),
  )
  .addOption(
    new Option('--out <path>', 'file of --export (default: the output), new directory of --import'),
  )
  .addOption(verboseOption())
  .action(
    async (
      directory: string,
      file: string | undefined,
      flags: { json?: true; export?: string; import?: string; out?: string; verbose?: true },
    ) => {
      const { inspectCommand } = await import('./inspect-command.ts');
      const { json = false, verbose: asked, ...rest } = flags;
      if (asked === true) verbose = true;
      code = await inspectCommand(
        directory,
        { json, ...rest, ...(file === undefined ? {} : { file }) },
        out,
      );
    },
  );

program
  .command('chaos')
  .description(
    'run the job of a file under the faults of a script, and judge what the script claims',
  )
  .argument('<job>', 'file (.js, .ts) or URL of a module that calls job()')
  .addOption(
    new Option(
      '--script <file>',
      'file (.js, .ts) with `export default chaos(…)`',
    ).makeOptionMandatory(),
  )
  .addOption(
    new Option(
      '-t, --threads <n>',
      'worker threads (default: what the script says, else 2)',
    ).argParser(wholeFlag(1, 32)),
  )
  .addOption(argsOption())
  .addOption(
    new Option('--seed <n>', 'what chance comes from')
      .argParser(wholeFlag(0, Number.MAX_SAFE_INTEGER))
      .default(1),
  )
  .addOption(jsonOption())
  .addOption(new Option('--report <dir>', 'write chaos.json and the picture chaos.svg there'))
  .addOption(
    new Option('-v, --verbose', 'tell of each fault as it is done, and show the stacks of errors'),
  )
  .addHelpText(
    'after',
    `
A script:
  import { chaos } from 'millrace/testing';
  export default chaos((c) => {
    c.serve('port', { rate: 20_000 });   // numbered records; the job gets args.port
    c.for('5s');
    c.at('1s').kill('worker');
    c.claim.ledgerExact();
    c.claim.restarts(1);
  });

Exit codes: 0 all claims hold, 2 called wrongly, or the script can't be, 70 a claim does not hold, 75 left by a second
Ctrl-C. The first one ends the faults; what was seen is judged.`,
  )
  .action(
    async (
      file: string,
      flags: CommonFlags & {
        readonly script: string;
        readonly seed: number;
        readonly report?: string;
      },
    ) => {
      const { script, seed, report } = flags;
      const given = {
        ...common(flags),
        script,
        seed,
        live: process.stderr.isTTY === true || flags.verbose === true,
        ...(report === undefined ? {} : { report }),
      };
      const { chaosCommand } = await import('./chaos-command.ts');
      code = await chaosCommand(file, given, out, err);
    },
  );

program
  .command('demo')
  .description('count the words of a TCP stream while threads are killed, and check the counts')
  .addOption(
    new Option(
      '-t, --threads <n>',
      'worker threads (default: from 2 to 4, by the cores there are)',
    ).argParser(wholeFlag(1, 32)),
  )
  .addOption(
    new Option('--rate <lines>', 'lines a second that the server sends')
      .argParser(wholeFlag(1, 100_000_000))
      .default(100_000),
  )
  .addOption(
    new Option(
      '--seconds <n>',
      'how long to run (default: 10 without a terminal, else until q)',
    ).argParser(secondsFlag),
  )
  .addOption(
    new Option('--kill-every <n>', 'without a terminal: seconds between the kills of workers')
      .argParser(secondsFlag)
      .default(2),
  )
  .addOption(new Option('--plain', 'print lines even on a terminal'))
  .addOption(verboseOption())
  .action(
    async (
      flags: CommonFlags & {
        readonly rate: number;
        readonly seconds?: number;
        readonly killEvery: number;
        readonly plain?: true;
      },
    ) => {
      const { threads } = common(flags);
      const { demoCommand } = await import('./demo/demo-command.ts');
      const { rate, seconds, killEvery, plain } = flags;
      code = await demoCommand(
        {
          rate,
          killEveryMs: killEvery * 1000,
          plain: plain === true,
          ...(threads === undefined ? {} : { threads }),
          ...(seconds === undefined ? {} : { runMs: seconds * 1000 }),
        },
        { out, err, stuck },
      );
    },
  );

/** Everything written so far has left the process. Pipes take their time on some systems. */
function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || stream.writableEnded || stream.errored !== null) resolve();
    else stream.write('', () => resolve());
  });
}

async function main(): Promise<void> {
  if (process.argv.length <= 2) {
    program.outputHelp({ error: true });
    code = EXIT.usage;
    return;
  }
  try {
    await program.parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) {
      code = error.exitCode === 0 ? EXIT.drained : EXIT.usage;
      return;
    }
    code = exitCodeOf(error);
    err(
      errorReport(error, { verbose, cure: cureOf(error), columns: process.stderr.columns ?? 100 }),
    );
  }
}

// Whoever read us may be gone at any time (`millrace run … | head`). That must never be an uncaught error; `run` sees to
// what it means for the job.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});

await main();
// Even `process.exit` waits for a thread that is in a native call.
if (stuckThreads.length > 0)
  err(
    `millrace: ${stuckThreads.join(', ')} can't be ended, so this process ends itself with SIGKILL; ` +
      `its exit code would be ${code}\n`,
  );
if (status !== undefined) {
  try {
    writeFileSync(status, `${JSON.stringify({ code, stuckThreads })}\n`);
  } catch (error) {
    err(`millrace: --status ${status} can't be written: ${(error as Error).message}\n`);
  }
}
await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
if (stuckThreads.length > 0) {
  await tellParent({ type: 'ends', code });
  process.kill(process.pid, 'SIGKILL');
}
// Not by itself: a thread that won't end, or a handle of the job, must not hold up the one who called.
process.exit(code);
