/** `millrace/actors`: bare actors on threads. */
export {
  ActorSystem,
  type ActorInfo,
  type ActorSystemOptions,
  type TopOptions,
} from './actor-system.ts';
export {
  Down,
  type ActorContext,
  type Behaviour,
  type BehaviourClass,
  type ChildOptions,
  type ChildSupervision,
  type SpawnOptions,
} from '../actors/behaviour.ts';
export { ActorRef, type AskOptions, type TellOptions } from '../actors/ref.ts';
export type { DeadLetter, DeadLetters, DownReason } from '../actors/dead-letters.ts';
export type { ExitReason } from '../actors/exit.ts';
export type { SupervisorEvent } from '../supervision/supervisor.ts';
