/**
 * The loop of one stage over the records of a block. Each loop has a text of its own, so that V8 learns it apart from
 * all others: the stage's function is then inlined into it (compile.ts has more on that). Where code may not be
 * generated all stages share one loop, which does the same.
 */
import type { GraphNode } from '../../plan/graph.ts';
import { bestForm } from '../../dstream/run/loop.ts';
import type { Stage, StageContext, StageOutputs } from '../stage.ts';

/** Where the loop is, in case of a throw. */
export interface Place {
  at: number;
}

export type StageLoop = (
  rows: readonly unknown[],
  stage: Stage<unknown, unknown>,
  out: StageOutputs<unknown>,
  ctx: StageContext,
  place: Place,
  refuse: (given: unknown) => void,
) => void;

const BODY = `return function run(rows, stage, out, ctx, place, refuse) {
  const n = rows.length;
  for (let i = 0; i < n; i++) {
    place.at = i;
    const given = stage.process(rows[i], out, ctx);
    if (given !== undefined) refuse(given);
  }
}`;

const kept: WeakMap<GraphNode, StageLoop> = new WeakMap();
let made = 0;

/** The loop of a stage; bodies that a recovery builds get the same one. */
export function stageLoop(node: GraphNode): StageLoop {
  let loop = kept.get(node);
  if (loop === undefined) {
    loop = bestForm() === 'compiled' ? compiled(node) : shared;
    kept.set(node, loop);
  }
  return loop;
}

function compiled(node: GraphNode): StageLoop {
  const title = node.uid.replace(/[^\w#.-]/g, '_');
  return new Function(`${BODY}\n//# sourceURL=millrace:stage-${++made}/${title}`)() as StageLoop;
}

const shared: StageLoop = (rows, stage, out, ctx, place, refuse) => {
  for (let i = 0; i < rows.length; i++) {
    place.at = i;
    const given: unknown = stage.process(rows[i], out, ctx);
    if (given !== undefined) refuse(given);
  }
};
