/** A body with some of its methods replaced. */
import type { TaskBody } from '../../actors/task.ts';

export function bodyWith(body: TaskBody, changes: Partial<TaskBody>): TaskBody {
  return new Proxy(body, {
    get(target, key) {
      const changed = changes[key as keyof TaskBody];
      if (changed !== undefined) return changed;
      const value: unknown = Reflect.get(target, key, target);
      // Bodies have private fields, so their methods are called on them.
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
