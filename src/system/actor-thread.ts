/**
 * A thread with actors, as it starts and ends. It lives in its event loop: mail comes by ports and is handled at once.
 */
import type { MessagePort } from 'node:worker_threads';
import type { BehaviourAddress, FromNode, Mail, ToNode } from '../actors/mail.ts';
import { threadMain } from '../actors/slot-thread.ts';
import { VitalsWriter } from '../actors/vitals.ts';
import { messagePort, type PollablePort } from '../env/message-port.ts';
import { realEnv } from '../env/real.ts';
import { unpack } from '../actors/carry.ts';
import { Exchange } from './exchange.ts';
import { Node } from './node.ts';
import { load } from './spawning.ts';

export interface ActorThreadTask {
  readonly node: number;
  readonly main: MessagePort;
  readonly vitals: SharedArrayBuffer;
}

const main: ReturnType<typeof threadMain<ActorThreadTask>> = threadMain<ActorThreadTask>(
  (task, thread) => {
    const env = realEnv();
    const port: PollablePort<ToNode, FromNode> = messagePort<ToNode, FromNode>(task.main);
    const vitals = new VitalsWriter(task.vitals, 0);
    const exchange = new Exchange({
      env,
      node: task.node,
      connect: (node) => port.post({ type: 'connect', node }),
      route: (mail) =>
        node.knows(mail.to.path) ? node.receive(mail) : port.post({ type: 'route', mail }),
      dead: (letter) => {
        try {
          port.post({ type: 'dead', letter });
        } catch {
          // A message of this thread that can't leave it.
          port.post({ type: 'dead', letter: { ...letter, message: String(letter.message) } });
        }
      },
    });
    exchange.link(0, { post: (mail) => port.post(mail) });
    const node: Node = new Node({
      env,
      exchange,
      vitals,
      stopTop: (path, incarnation) =>
        port.post({ type: 'stop', to: { path, incarnation, node: task.node } }),
      nameMark: `${task.node}-`,
    });
    vitals.idle();
    return new Promise<void>((resolve) => {
      port.onMessage((message) => {
        switch (message.type) {
          case 'birth': {
            const { path, incarnation, behaviour, args, refs, ...rest } = message.birth;
            node.start(
              {
                ...rest,
                path,
                incarnation,
                args: refs ? unpack(args, exchange) : args,
                create: () => load(behaviour as BehaviourAddress, incarnation),
              },
              {
                started: () => port.post({ type: 'started', path, incarnation }),
                ignored: () => undefined,
                progress: () => port.post({ type: 'progress', path, incarnation }),
                exited: (reason) => port.post({ type: 'exited', path, incarnation, reason }),
              },
            );
            return;
          }
          case 'end':
            node.end(message.path, message.incarnation, message.brutal);
            return;
          case 'forget':
            node.forget(message.path);
            return;
          case 'link': {
            const way = messagePort<Mail, Mail>(message.port as MessagePort);
            way.onMessage((mail) => exchange.receive(mail));
            exchange.link(message.node, way);
            return;
          }
          case 'gone':
            exchange.gone(message.node, message.reason);
            return;
          case 'routed':
            exchange.routed(message.ask, message.watch, message.node);
            return;
          case 'close':
            resolve();
            return;
          default:
            exchange.receive(message);
        }
      });
      thread.ready();
    });
  },
);

// piscina calls the default export.
// oxlint-disable-next-line import/no-default-export
export default main;
