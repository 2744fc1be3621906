/** docs/cli.md agrees with what the command itself says: `--help` of each command, exit codes, the plan that it shows. */
import { afterEach, describe, expect, it } from 'vitest';
import { endAll, millrace } from '../cli/command.ts';
import { EXIT } from '../../src/cli/exit-codes.ts';
import { page, tableBelow } from './pages.ts';

const CLI = page('docs/cli.md');
const COMMANDS = ['run', 'plan', 'inspect', 'chaos', 'demo'] as const;

afterEach(endAll);

async function help(...command: string[]): Promise<string> {
  const { stdout, code } = await millrace([...command, '--help']).ended;
  expect(code).toBe(0);
  return stdout;
}

/** Flags with the text beside them, its lines joined. */
function flagsIn(text: string): Map<string, string> {
  const options = text.slice(text.indexOf('Options:')).split('\n').slice(1);
  const flags = new Map<string, string>();
  let last = '';
  for (const line of options) {
    const begins = /^ {2}(-[^ ].*?)(?: {2,}(.*))?$/.exec(line);
    if (begins !== null) flags.set((last = begins[1]!), begins[2] ?? '');
    else if (line.startsWith('   ')) flags.set(last, `${flags.get(last)!} ${line.trim()}`);
    else break;
  }
  flags.delete('-h, --help');
  return flags;
}

it('has the commands that there are', async () => {
  const text = await help();
  const commands = [...text.matchAll(/^ {2}(\w+) \[options\]/gm)].map(([, name]) => name);
  expect(commands).toEqual(COMMANDS);
  expect(CLI.headings).toEqual(expect.arrayContaining([...COMMANDS]));
});

describe.each(COMMANDS)('%s', (command) => {
  it('has the flags that --help shows, with their defaults', async () => {
    const flags = flagsIn(await help(command));
    const rows = tableBelow(CLI, command);
    expect(rows.map(([flag]) => flag)).toEqual([...flags.keys()]);
    const said = [...flags].flatMap(([flag, text]) => {
      const byDefault = /\(default: (.*)\)$/.exec(text)?.[1];
      return byDefault === undefined ? [] : [[flag, byDefault]];
    });
    expect(rows.map(([flag, byDefault]) => [flag, byDefault])).toEqual(
      expect.arrayContaining(said),
    );
    const usage = CLI.fences[0]!.text.split('\n').find((line) => line.includes(` ${command} `))!;
    for (const flag of flags.keys()) expect(usage).toContain(flag.split(/[ ,]/, 1)[0]);
  });
});

it('has the exit codes', async () => {
  const rows = tableBelow(CLI, 'Exit codes').map(([code, name]) => [name!, Number(code)] as const);
  expect(Object.fromEntries(rows)).toEqual(EXIT);
  const said = /Exit codes: ([^]*?)\.\n/.exec(await help())![1]!;
  expect(said.match(/\d+/g)!.map(Number)).toEqual(rows.map(([, code]) => code));
});

it('shows the plan as the command does', async () => {
  const { text } = CLI.fences.find((fence) => fence.text.startsWith('$ npx millrace plan'))!;
  const [command, ...shown] = text.split('\n');
  const args = /^\$ npx millrace (.*) --args '(.*)'$/.exec(command!)!;
  const { stdout } = await millrace([...args[1]!.split(' '), '--args', args[2]!]).ended;
  expect(stdout.trimEnd().split('\n')).toEqual(shown.slice(0, -1));
});
