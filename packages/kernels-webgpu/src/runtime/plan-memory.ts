import type { CompiledGraph, Step } from '../compile/compile-graph.ts';
import type { Slot } from '../compile/slot.ts';

/** Which temporaries share memory. */
export interface MemoryPlan {
  /** Index of the buffer of each temporary. */
  readonly places: ReadonlyMap<Slot, number>;
  /** Bytes of each buffer. */
  readonly sizes: readonly number[];
}

/**
 * Gives temporaries that are never needed at the same time one buffer. What a loop shares with what is around it lives through
 * all of its turns; what only a turn touches is made anew in each. Outputs have buffers of their own, and two temporaries of one
 * dispatch never share.
 */
export function planMemory({ steps, outputs }: CompiledGraph): MemoryPlan {
  const lives = new Map<Slot, { first: number; last: number }>();
  const touch = (slot: Slot, first: number, last: number): void => {
    if (slot.role.kind !== 'temporary' || outputs.includes(slot)) return;
    const life = lives.get(slot);
    if (life) life.last = Math.max(life.last, last);
    else lives.set(slot, { first, last });
  };
  const uses = usesOf(steps);
  let time = 0;
  const visit = (list: readonly Step[]): void => {
    for (const step of list) {
      if (step.kind === 'dispatch') {
        for (const slot of step.slots) touch(slot, time, time);
        time++;
        continue;
      }
      const start = time;
      const inside = usesOf(step.steps);
      visit(step.steps);
      for (const [slot, count] of inside) {
        const life = lives.get(slot);
        if (!life || count === uses.get(slot)) continue;
        life.first = Math.min(life.first, start);
        life.last = Math.max(life.last, time - 1);
      }
    }
  };
  visit(steps);
  const places = new Map<Slot, number>();
  const sizes: number[] = [];
  const freeFrom: number[] = [];
  for (const [slot, { first, last }] of [...lives].toSorted(([, a], [, b]) => a.first - b.first)) {
    // The free buffer that wastes least.
    let best = -1;
    for (let i = 0; i < sizes.length; i++)
      if (freeFrom[i]! <= first && sizes[i]! >= slot.bytes && (best < 0 || sizes[i]! < sizes[best]!)) best = i;
    if (best < 0 || sizes[best]! > 4 * slot.bytes + 4096) best = sizes.push(slot.bytes) - 1;
    freeFrom[best] = last + 1;
    places.set(slot, best);
  }
  return { places, sizes };
}

/** How often each slot is bound, each turn of a loop being the same one. */
function usesOf(steps: readonly Step[], uses = new Map<Slot, number>()): Map<Slot, number> {
  for (const step of steps)
    if (step.kind === 'repeat') usesOf(step.steps, uses);
    else for (const slot of step.slots) uses.set(slot, (uses.get(slot) ?? 0) + 1);
  return uses;
}
