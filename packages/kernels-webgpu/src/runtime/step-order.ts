import type { Step } from '../compile/compile-graph.ts';

type DispatchStep = Extract<Step, { kind: 'dispatch' }>;

/** The dispatches of steps, each once, and their numbers in the order in which they run, loops repeated. */
export function inOrder(steps: readonly Step[]): { dispatches: DispatchStep[]; order: number[] } {
  const dispatches: DispatchStep[] = [];
  const order: number[] = [];
  const visit = (list: readonly Step[]): void => {
    for (const step of list) {
      if (step.kind === 'dispatch') {
        order.push(dispatches.push(step) - 1);
        continue;
      }
      const start = order.length;
      visit(step.steps);
      const turn = order.slice(start);
      // One by one: a call takes only so many arguments.
      for (let i = 1; i < step.times; i++) for (const index of turn) order.push(index);
    }
  };
  visit(steps);
  return { dispatches, order };
}
