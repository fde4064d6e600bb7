import { UnsupportedOptionError } from '@tessera/tensor-core';

/** What a piece of text led to. */
export interface StopStep {
  /** Text that may be shown now: certainly not part of a stop string. */
  readonly text: string;
  /** Whether a stop string was completed, now or before. */
  readonly stopped: boolean;
  /** The stop string that was completed. */
  readonly stop?: string;
}

/** Watches generated text for stop strings. Made by {@link createStopMatcher}. */
export interface StopMatcher {
  /** Takes the next piece of text. After a stop everything is swallowed. */
  push(text: string): StopStep;
  /** Ends the text: returns what was held back as a possible beginning of a stop string; '' after a stop. */
  flush(): string;
}

/** A node of the automaton: a prefix of some stop string. */
interface Node {
  readonly depth: number;
  readonly next: Map<string, Node>;
  /** The longest proper suffix of this prefix that is a prefix too. */
  suffix: Node | undefined;
  /** The longest stop string that this prefix ends with. */
  stop: string | undefined;
}

/** The automaton of Aho and Corasick: one step per character, however many stop strings there are. */
function buildAutomaton(stops: readonly string[]): Node {
  const root: Node = { depth: 0, next: new Map(), suffix: undefined, stop: undefined };
  for (const stop of stops) {
    let node = root;
    for (const unit of stop.split('')) {
      const child = node.next.get(unit) ?? {
        depth: node.depth + 1,
        next: new Map(),
        suffix: undefined,
        stop: undefined,
      };
      node.next.set(unit, child);
      node = child;
    }
    node.stop = stop;
  }
  const queue = [root];
  for (const node of queue) {
    for (const [unit, child] of node.next) {
      let suffix = node.suffix;
      while (suffix !== undefined && !suffix.next.has(unit)) suffix = suffix.suffix;
      child.suffix = suffix?.next.get(unit) ?? root;
      child.stop ??= child.suffix.stop;
      queue.push(child);
    }
  }
  return root;
}

/**
 * Makes a matcher that ends a text at the first stop string to be completed, the longest if several end together.
 *
 * Nothing of that string is emitted, also when it arrives in pieces: text is held back while it may be the beginning of one.
 *
 * {@includeCode ../../examples/stream.ts#stream}
 *
 * @throws {@link UnsupportedOptionError} if a stop string is empty or no string.
 */
export function createStopMatcher(stops: readonly string[]): StopMatcher {
  for (const [index, stop] of stops.entries()) {
    if (typeof stop !== 'string' || stop === '') {
      throw new UnsupportedOptionError(
        `stop[${index}] is ${typeof stop === 'string' ? 'empty' : `a ${typeof stop}`}, expected a string of at least one character.`,
        {
          facts: { option: 'stop', index },
        },
      );
    }
  }
  const root = buildAutomaton(stops);
  let node = root;
  let held = '';
  let found: string | undefined;

  return {
    push(text) {
      if (found !== undefined) return { text: '', stopped: true, stop: found };
      held += text;
      for (let i = held.length - text.length; i < held.length; i++) {
        const unit = held[i] as string;
        while (node.suffix !== undefined && !node.next.has(unit)) node = node.suffix;
        node = node.next.get(unit) ?? root;
        if (node.stop !== undefined) {
          found = node.stop;
          const before = held.slice(0, i + 1 - found.length);
          held = '';
          return { text: before, stopped: true, stop: found };
        }
      }
      const certain = held.slice(0, held.length - node.depth);
      held = held.slice(held.length - node.depth);
      return { text: certain, stopped: false };
    },
    flush() {
      const rest = held;
      held = '';
      node = root;
      return rest;
    },
  };
}
