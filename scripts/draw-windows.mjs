// Draws docs/images/windows.svg: what a window of 3 batches by 2 takes, how panes come and go, and both ways to reduce.
//
//   node scripts/draw-windows.mjs
//
// Colours come from variables that follow the reader's dark or light scheme.
import { writeFileSync } from 'node:fs';

const WIDTH = 760;
const BATCHES = [3, 1, 4, null, 0, 5, 2];
const LEFT = 112;
const STEP = 84;
const BOX = 64;
const out = [];
const at = (batch) => LEFT + (batch - 1) * STEP;

const text = (x, y, words, { kind = 'ink', anchor = 'middle', size = 13, weight } = {}) =>
  out.push(
    `<text x="${x}" y="${y}" class="${kind}" text-anchor="${anchor}" font-size="${size}"${weight ? ` font-weight="${weight}"` : ''}>${words}</text>`,
  );
const box = (x, y, width, height, kind) =>
  out.push(`<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="6" class="${kind}"/>`);
const heading = (y, words) => text(16, y, words, { anchor: 'start', size: 14, weight: 600 });

// ── Which batches a window takes ──
heading(28, "numbers.window('3s', '2s')");
BATCHES.forEach((value, i) => {
  const x = at(i + 1);
  const kind = value === null ? 'missing' : 'batch';
  box(x, 48, BOX, 34, kind);
  text(x + BOX / 2, 70, value === null ? 'missing' : value === 0 ? 'empty' : `${value}`, {
    kind: value === null || value === 0 ? 'soft' : 'ink',
    size: value === null || value === 0 ? 11 : 15,
  });
  text(x + BOX / 2, 100, `${i + 1} s`, { kind: 'soft', size: 11 });
});
text(16, 70, 'batches', { kind: 'soft', anchor: 'start', size: 12 });
const windows = [
  { to: 2, from: 1, gives: '[3, 1]', note: 'the first is short' },
  { to: 4, from: 2, gives: '[1, 4]', note: 'a missing batch is passed over' },
  { to: 6, from: 4, gives: '[5]', note: 'an empty one adds nothing' },
];
windows.forEach(({ from, to, gives, note }, row) => {
  const y = 116 + row * 38;
  box(at(from) - 5, y, at(to) + BOX + 5 - (at(from) - 5), 26, 'window');
  text((at(from) + at(to) + BOX) / 2, y + 18, gives);
  text(16, y + 18, `at ${to} s`, { kind: 'soft', anchor: 'start', size: 12 });
  const right = at(to) + BOX + 16;
  const fits = right + note.length * 6 < WIDTH;
  text(fits ? right : at(from) - 16, y + 18, note, {
    kind: 'soft',
    anchor: fits ? 'start' : 'end',
    size: 11,
  });
});

// ── With an inverse ──
const TOP = 262;
heading(TOP, 'reduceByKeyAndWindow(add, { window, inverse: subtract })');
const panes = (y, entering, leaving, from, to) => {
  for (let pane = 1; pane <= 7; pane++) {
    const kind =
      pane === entering
        ? 'enters'
        : pane === leaving
          ? 'leaves'
          : pane >= from && pane <= to
            ? 'batch'
            : 'missing';
    box(at(pane), y, BOX, 26, kind);
    text(at(pane) + BOX / 2, y + 18, `pane ${pane}`, {
      kind: kind === 'missing' ? 'soft' : 'ink',
      size: 11,
    });
  }
};
panes(TOP + 16, 6, 2, 3, 6);
text(16, TOP + 34, 'at 6 s', { kind: 'soft', anchor: 'start', size: 12 });
text(
  LEFT,
  TOP + 66,
  'total at 6 s = total at 5 s &#8722; pane 2 + pane 6: two panes of work, however long the window is',
  { anchor: 'start', size: 12 },
);

// ── Without one ──
const LOW = TOP + 106;
heading(LOW, 'reduceByKeyAndWindow(max, { window })');
text(16, LOW + 50, 'of one key', { kind: 'soft', anchor: 'start', size: 12 });
const front = [
  ['p1…p3', 1],
  ['p2…p3', 2],
  ['p3', 3],
];
box(at(1) - 7, LOW + 16, 2 * STEP + BOX + 14, 52, 'frame');
text(at(2) + BOX / 2, LOW + 84, 'front: each with all newer ones of it', {
  kind: 'soft',
  size: 11,
});
front.forEach(([label, pane]) => {
  box(at(pane), LOW + 29, BOX, 26, pane === 1 ? 'leaves' : 'batch');
  text(at(pane) + BOX / 2, LOW + 47, label, { size: 12 });
});
box(at(4) - 7, LOW + 16, STEP + BOX + 14, 52, 'frame');
box(at(4), LOW + 29, BOX + STEP, 26, 'enters');
text(at(4) + (BOX + STEP) / 2, LOW + 47, 'p4…p5', { size: 12 });
text(at(4) + (BOX + STEP) / 2, LOW + 84, 'back: one value', { kind: 'soft', size: 11 });
[
  'result = max(oldest of the front, back). When pane 1 leaves, the next entry has what is left.',
  "Once in a window's length a key's front is made anew of all its entries;",
  'each slide it is the turn of other keys, so no slide is slower than others.',
].forEach((words, line) => text(LEFT, LOW + 110 + 18 * line, words, { anchor: 'start', size: 12 }));

const HEIGHT = LOW + 162;
const style = `
  svg { --ink: #1f2328; --soft: #59636e; --line: #8c959f; --batch: #ddf4ff; --window: #dafbe1; --enters: #b4f1c0; --leaves: #ffd8d3; --frame: none; }
  @media (prefers-color-scheme: dark) {
    svg { --ink: #e6edf3; --soft: #9198a1; --line: #656c76; --batch: #12335c; --window: #143d22; --enters: #1b5e34; --leaves: #702c28; }
  }
  text { font-family: system-ui, -apple-system, 'Segoe UI', sans-serif; }
  .ink { fill: var(--ink); } .soft { fill: var(--soft); }
  rect { stroke: var(--line); stroke-width: 1; }
  .batch { fill: var(--batch); } .window { fill: var(--window); } .enters { fill: var(--enters); } .leaves { fill: var(--leaves); }
  .missing { fill: none; stroke-dasharray: 4 3; } .frame { fill: none; stroke-dasharray: 2 3; }
`;
writeFileSync(
  new URL('../docs/images/windows.svg', import.meta.url),
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-labelledby="title">
<title id="title">Which batches a window takes, and how windows are reduced</title>
<style>${style}</style>
${out.join('\n')}
</svg>
`,
);
