/** The public members of a stream, read out of the chain of classes that a DStream is. Pure. */
import { DStream } from '../../src/dstream/dstream.ts';
import { StreamCore } from '../../src/dstream/stream/core.ts';

/** How the operators make streams: for the classes of the chain alone. */
const MAKERS = ['make', 'makeWithState'];

/** The methods of a DStream, those of each class before those of the class that it extends. */
export function membersOfStreams(): string[] {
  const names: string[] = [];
  let prototype: object = DStream.prototype;
  while (prototype !== StreamCore.prototype) {
    names.push(...Object.getOwnPropertyNames(prototype));
    prototype = Object.getPrototypeOf(prototype) as object;
  }
  return names.filter((name) => name !== 'constructor' && !MAKERS.includes(name));
}
