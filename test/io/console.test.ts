import { PassThrough, Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { ConsoleWriter } from '../../src/io/console.ts';

it('I1, I2: text comes in order, and a slow reader makes the writer wait', async () => {
  const stream = new PassThrough({ highWaterMark: 10 });
  const out = new ConsoleWriter(stream);
  await out.write('short\n');
  let hasRoom = false;
  const written = out.write('a longer text\n').then(() => (hasRoom = true));
  await new Promise((resolve) => setImmediate(resolve));
  expect(hasRoom).toBe(false);
  let text = '';
  stream.setEncoding('utf8').on('data', (data) => (text += data));
  await written;
  await out.flushed();
  expect(text).toBe('short\na longer text\n');
  expect(stream.listenerCount('error')).toBe(0);
});

it('I3: a reader that is gone ends nothing', async () => {
  const stream = new Writable({
    highWaterMark: 1,
    write: (_chunk, _encoding, done) =>
      done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })),
  });
  const out = new ConsoleWriter(stream);
  await out.write('a\n');
  await out.write('b\n');
  await out.flushed();
  expect(out.broken).toMatchObject({ code: 'EPIPE' });
});
