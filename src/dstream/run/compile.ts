/**
 * Makes one loop of a chain's steps, as a programmer would write it by hand, and has V8 compile it.
 *
 * For `map(f).filter(g).reduceByKey(h)` it writes
 *
 *   for (; i < n; i++) {
 *     const r1 = a[i];
 *     op = 0; rec = r1; const r2 = f0(r1);
 *     op = 1; rec = r2; if (f1(r2)) {
 *       if (!isArray(r2)) …; const k3 = r2[0], v4 = r2[1];
 *       const s5 = table0.find(k3);
 *       if (s5 >= 0) values0[s5] = f2(values0[s5], v4);
 *       else table0.add(k3, v4);
 *     }
 *     op = 0; rec = 0;
 *   }
 *
 * - A call of a known closure at a place of its own is inlined; so each function has a name, and each loop its own text
 *   (V8 shares the type feedback of equal texts, which would make two pipelines slow each other down).
 * - A pair is kept as two variables; its tuple is made only when a function or an output wants one.
 * - `op` and `rec` are plain locals, all that an error needs to name operator and record (`blame.ts`). Reset at the end
 *   of each round, they are constants there, and optimised code keeps them nowhere; without that they cost a tenth.
 * - Sinks' fields are read once before the loop and, where they are numbers, written back behind it. After a throw
 *   nothing is written back: the body is dropped anyway.
 * - A reduction has nothing to start from until its first record. A function of its own takes the records up to that one,
 *   so that the other need not ask.
 * - A new loop is run some times over nothing. Else V8 may optimise it during its first block, knowing nothing of the
 *   code behind the loop, leave the optimised code there, and do so again for each block: three times slower for ever.
 * - User text never becomes code: functions and parameters come in as values.
 */
import type { GraphNode, UserFunction } from '../../plan/graph.ts';
import { partitionOf } from '../keys/partitioner.ts';
import type { ApplyStep, SinkStep, Step } from './chain.ts';
import type { Loop, Shape } from './loop.ts';
import { placed } from './placing.ts';
import { badPair, itemsOf, notPair } from './records.ts';
import { parserOf } from './parse.ts';
import { grepTest, lowerOf, splitOf, trimOf, wordsOf } from './text.ts';

/** The record at one place of the loop: a variable, or two for a pair. */
type Current = { readonly row: string } | { readonly key: string; readonly value: string };

/** A line of the loop's body, or two where the first records need more than the rest. */
type Line = string | { readonly first: string; readonly rest: string };

let loopsMade = 0;

export function compileLoop(
  steps: readonly Step[],
  operators: readonly GraphNode[],
  shape: Shape,
): Loop {
  const writer = new LoopWriter();
  const source = writer.write(steps, shape, operators);
  const make = new Function('H', 'F', source) as (
    helpers: typeof HELPERS,
    functions: readonly unknown[],
  ) => Loop;
  return make(HELPERS, writer.functions);
}

const HELPERS = {
  partitionOf,
  placed,
  itemsOf,
  notPair,
  badPair,
  splitOf,
  trimOf,
  lowerOf,
  wordsOf,
  isArray: Array.isArray,
};

class LoopWriter {
  /** What the code calls: user functions and prepared tests, by number. */
  readonly functions: unknown[] = [];
  readonly #before: string[] = [];
  readonly #body: Line[] = [];
  readonly #after: string[] = [];
  /** Operators that work on key and value. */
  readonly #pairOps: Set<number> = new Set();
  /** Slots of reduce. */
  readonly #reduced: number[] = [];
  #names = 0;

  write(steps: readonly Step[], shape: Shape, operators: readonly GraphNode[]): string {
    if (shape === 'rows') {
      const row = this.#name('r');
      this.#body.push(`const ${row} = a[i];`);
      this.#steps(steps, { row });
    } else {
      const [key, value] = [this.#name('k'), this.#name('v')];
      this.#body.push(`const ${key} = a[i], ${value} = b[i];`);
      this.#steps(steps, { key, value });
    }
    const functions = this.functions.map((_, i) => `const f${i} = F[${i}];`);
    const title = operators.map((node) => node.uid.replace(/[^\w#.-]/g, '_')).join('/');
    const routine = (
      name: string,
      start: string,
      goOn: string,
      body: readonly string[],
    ): string[] => [
      `function ${name}(a, b, S, blame, passOver) {`,
      `let op = 0, rec = 0, rec2 = 0, i = ${start};`,
      'const n = a.length;',
      ...this.#before,
      'try {',
      `for (; ${goOn}; i++) {`,
      ...body,
      'op = 0; rec = 0; rec2 = 0;',
      '}',
      '} catch (error) { blame(error, op, pairs[op] ? [rec, rec2] : rec); }',
      ...this.#after,
      'return i;',
      '}',
    ];
    const reducing = (of: (slot: number) => string): string => this.#reduced.map(of).join(' && ');
    const first =
      this.#reduced.length === 0
        ? []
        : routine(
            'first',
            '0',
            `i < n && !(${reducing((slot) => `has${slot}`)})`,
            this.#body.map((line) => (typeof line === 'string' ? line : line.first)),
          );
    const rest = routine(
      'run',
      first.length === 0
        ? '0'
        : `${reducing((slot) => `S[${slot}].has`)} ? 0 : first(a, b, S, blame, passOver)`,
      'i < n',
      this.#body.map((line) => (typeof line === 'string' ? line : line.rest)),
    );
    return [
      "'use strict';",
      'const { partitionOf, placed, itemsOf, notPair, badPair, splitOf, trimOf, lowerOf, wordsOf, isArray } = H;',
      `const pairs = ${JSON.stringify(operators.map((_, op) => this.#pairOps.has(op)))};`,
      ...functions,
      ...first,
      ...rest,
      'return run;',
      `//# sourceURL=millrace:loop-${++loopsMade}/${title}`,
    ].join('\n');
  }

  #steps(steps: readonly Step[], current: Current): void {
    for (const step of steps) {
      // A scope of its own: siblings may declare the same things.
      if (steps.length > 1) this.#body.push('{');
      if (step.step === 'apply') this.#apply(step, current);
      else this.#sink(step, current);
      if (steps.length > 1) this.#body.push('}');
    }
  }

  #apply(step: ApplyStep, current: Current): void {
    const { node, next } = step;
    switch (node.kind) {
      case 'map': {
        const from = this.#row(current);
        this.#at(step.op, { row: from });
        this.#called(step, `${this.#user(node, 'f')}(${from})`, (row) =>
          this.#steps(next, { row }),
        );
        return;
      }
      case 'peek': {
        const row = this.#row(current);
        this.#at(step.op, { row });
        this.#called(step, `${this.#user(node, 'f')}(${row})`, () => this.#steps(next, current));
        return;
      }
      case 'filter':
        this.#when(step, current, this.#user(node, 'f'));
        return;
      case 'grep':
        this.#when(step, current, this.#function(grepTest(node.params)));
        return;
      case 'flatMap': {
        const from = this.#row(current);
        this.#at(step.op, { row: from });
        this.#items(step, this.#user(node, 'f'), from, (row) => this.#steps(next, { row }));
        return;
      }
      case 'fields':
      case 'parseJson':
      case 'parseCsv': {
        const from = this.#row(current);
        this.#at(step.op, { row: from });
        this.#called(step, `${this.#function(parserOf(node))}(${from})`, (row) => {
          this.#body.push(`if (${row} !== undefined) {`);
          this.#steps(next, { row });
          this.#body.push('}');
        });
        return;
      }
      case 'words': {
        const from = this.#row(current);
        this.#at(step.op, { row: from });
        this.#called(step, `wordsOf(${from})`, (list) =>
          this.#each(list, (row) => this.#steps(next, { row })),
        );
        return;
      }
      case 'split': {
        const from = this.#row(current);
        this.#at(step.op, { row: from });
        this.#called(
          step,
          `splitOf(${from}, ${this.#function(node.params['separator'])})`,
          (list) => this.#each(list, (row) => this.#steps(next, { row })),
        );
        return;
      }
      case 'trim':
      case 'toLowerCase': {
        const from = this.#row(current);
        this.#at(step.op, { row: from });
        this.#called(step, `${node.kind === 'trim' ? 'trimOf' : 'lowerOf'}(${from})`, (row) =>
          this.#steps(next, { row }),
        );
        return;
      }
      case 'mapValues':
        this.#asPair(step, current, (key, value) =>
          this.#called(step, `${this.#user(node, 'f')}(${value})`, (given) =>
            this.#steps(next, { key, value: given }),
          ),
        );
        return;
      case 'flatMapValues':
        this.#asPair(step, current, (key, value) =>
          this.#items(step, this.#user(node, 'f'), value, (each) =>
            this.#steps(next, { key, value: each }),
          ),
        );
        return;
      default:
        throw new TypeError(`${node.kind} is no operator for single records`);
    }
  }

  #sink(step: SinkStep, current: Current): void {
    const { slot, op, node } = step;
    switch (step.sink) {
      case 'combine': {
        const { key, value } = this.#pair(op, current);
        this.#at(op, { key, value });
        const { operator, reducer } = node.params;
        // Known reducers need no function, and reduceByKey begins with the value itself.
        if (reducer === 'count') this.#upsert(slot, key, (at) => `${at} + 1`, '1');
        else if (reducer === 'sum') this.#upsert(slot, key, (at) => `${at} + ${value}`, value);
        else {
          const create =
            operator === 'reduceByKey' ? value : `${this.#user(node, 'create')}(${value})`;
          this.#upsert(
            slot,
            key,
            (at) => `${this.#user(node, 'mergeValue')}(${at}, ${value})`,
            create,
          );
        }
        return;
      }
      case 'tally': {
        const row = this.#row(current);
        this.#at(op, { row });
        this.#upsert(slot, row, (at) => `${at} + 1`, '1');
        return;
      }
      case 'group': {
        const { key, value } = this.#pair(op, current);
        this.#at(op, { key, value });
        const partitions = step.send!.outputs.length;
        this.#before.push(
          `const keys${slot} = S[${slot}].keys, values${slot} = S[${slot}].values;`,
        );
        const custom = node.functions['partition'];
        // Of one partition there is nothing to ask for; whoever gets the key finds out whether it is one.
        const only = partitions === 1 ? '0' : `partitionOf(${key}, ${partitions})`;
        const p = this.#let(
          custom === undefined ? only : `placed(${this.#function(custom)}(${key}), ${partitions})`,
        );
        this.#body.push(`keys${slot}[${p}].push(${key}); values${slot}[${p}].push(${value});`);
        return;
      }
      case 'spread': {
        const row = this.#row(current);
        const partitions = step.send!.outputs.length;
        this.#before.push(
          `const rows${slot} = S[${slot}].rows; let next${slot} = S[${slot}].next;`,
        );
        this.#body.push(
          `rows${slot}[next${slot}].push(${row}); if (++next${slot} === ${partitions}) next${slot} = 0;`,
        );
        this.#after.push(`S[${slot}].next = next${slot};`);
        return;
      }
      case 'reduce': {
        const row = this.#row(current);
        this.#at(op, { row });
        this.#before.push(`let has${slot} = S[${slot}].has, acc${slot} = S[${slot}].value;`);
        const reduced =
          node.params['reducer'] === 'sum'
            ? `acc${slot} += ${row};`
            : `acc${slot} = ${this.#user(node, 'f')}(acc${slot}, ${row});`;
        this.#body.push({
          first: `if (!has${slot}) { acc${slot} = ${row}; has${slot} = true; } else ${reduced}`,
          rest: reduced,
        });
        this.#reduced.push(slot);
        this.#after.push(`S[${slot}].has = has${slot}; S[${slot}].value = acc${slot};`);
        return;
      }
      case 'count':
        this.#before.push(`let count${slot} = S[${slot}].count;`);
        this.#body.push(`count${slot}++;`);
        this.#after.push(`S[${slot}].count = count${slot};`);
        return;
      case 'output':
      case 'stage':
      case 'collect':
        this.#before.push(`const rows${slot} = S[${slot}].rows;`);
        this.#body.push(`rows${slot}.push(${this.#row(current)});`);
        return;
      case 'outputPairs':
      case 'collectPairs': {
        const { key, value } = this.#pair(op, current);
        this.#before.push(
          `const keys${slot} = S[${slot}].keys, values${slot} = S[${slot}].values;`,
        );
        this.#body.push(`keys${slot}.push(${key}); values${slot}.push(${value});`);
        return;
      }
    }
  }

  /** One look-up for a key that is there. */
  #upsert(slot: number, key: string, merged: (at: string) => string, created: string): void {
    this.#before.push(
      `const table${slot} = S[${slot}].table, values${slot} = table${slot}.values;`,
    );
    const at = this.#let(`table${slot}.find(${key})`);
    this.#body.push(
      `if (${at} >= 0) values${slot}[${at}] = ${merged(`values${slot}[${at}]`)};`,
      `else table${slot}.add(${key}, ${created});`,
    );
  }

  #when(step: ApplyStep, current: Current, test: string): void {
    const row = this.#row(current);
    this.#at(step.op, { row });
    this.#called(step, `${test}(${row})`, (given) => {
      this.#body.push(`if (${given}) {`);
      this.#steps(step.next, { row });
      this.#body.push('}');
    });
  }

  /** What follows a call. Where the operator passes records over, a throw skips what follows. */
  #called(step: ApplyStep, call: string, next: (given: string) => void): void {
    if (!step.passesOver) {
      next(this.#let(call));
      return;
    }
    const [given, went] = [this.#name('x'), this.#name('w')];
    this.#body.push(
      `let ${given}, ${went} = true;`,
      `try { ${given} = ${call}; } catch (error) { ${went} = false; passOver(error, ${step.op}, pairs[op] ? [rec, rec2] : rec); }`,
      `if (${went}) {`,
    );
    next(given);
    this.#body.push('}');
  }

  /** Each of what a user's function gives for one record. */
  #items(step: ApplyStep, f: string, from: string, body: (item: string) => void): void {
    if (step.passesOver) {
      // What a generator throws is thrown while it is read.
      this.#called(step, `itemsOf(${f}(${from}))`, (list) => this.#each(list, body));
      return;
    }
    const given = this.#let(`${f}(${from})`);
    this.#each(`isArray(${given}) ? ${given} : itemsOf(${given})`, body);
  }

  #each(items: string, body: (item: string) => void): void {
    const list = this.#let(items);
    const [i, item] = [this.#name('i'), this.#name('r')];
    this.#body.push(
      `for (let ${i} = 0; ${i} < ${list}.length; ${i}++) {`,
      `const ${item} = ${list}[${i}];`,
    );
    body(item);
    this.#body.push('}');
  }

  /** Notes who is at work and on what, in case of a throw. */
  #at(op: number, current: Current): void {
    if ('row' in current) this.#body.push(`op = ${op}; rec = ${current.row};`);
    else {
      this.#pairOps.add(op);
      this.#body.push(`op = ${op}; rec = ${current.key}; rec2 = ${current.value};`);
    }
  }

  /** The record as one variable; of a pair, a new tuple. */
  #row(current: Current): string {
    return 'row' in current ? current.row : this.#let(`[${current.key}, ${current.value}]`);
  }

  /** The record as key and value. */
  #pair(op: number, current: Current): { readonly key: string; readonly value: string } {
    if ('key' in current) return current;
    const { row } = current;
    this.#body.push(`if (!isArray(${row})) { op = ${op}; notPair(${row}); }`);
    return { key: this.#let(`${row}[0]`), value: this.#let(`${row}[1]`) };
  }

  /** The record as key and value, in hand of the operator. */
  #asPair(step: ApplyStep, current: Current, use: (key: string, value: string) => void): void {
    if (!step.passesOver || 'key' in current) {
      const { key, value } = this.#pair(step.op, current);
      this.#at(step.op, { key, value });
      use(key, value);
      return;
    }
    const { row } = current;
    this.#body.push(`if (!isArray(${row})) passOver(badPair(${row}), ${step.op}, ${row}); else {`);
    const [key, value] = [this.#let(`${row}[0]`), this.#let(`${row}[1]`)];
    this.#at(step.op, { key, value });
    use(key, value);
    this.#body.push('}');
  }

  #let(expression: string): string {
    const name = this.#name('x');
    this.#body.push(`const ${name} = ${expression};`);
    return name;
  }

  #name(prefix: string): string {
    return `${prefix}${++this.#names}`;
  }

  #user(node: GraphNode, name: string): string {
    return this.#function(node.functions[name] as UserFunction);
  }

  #function(value: unknown): string {
    return `f${this.functions.push(value) - 1}`;
  }
}
