import type { Model } from '@tessera/assembler';
import type { AnyDecoding } from '@tessera/plugin';
import type { Device } from '@tessera/tensor-core';
import type { DraftCost } from './draft-length.ts';
import type { DraftSource } from './sources/draft-source.ts';

/** What a large GPU reads while the dispatches of a layer wait for each other: 45 µs a layer on an H100. */
const layerBytes = 128 * 2 ** 20;
/** What it reads until a token is on the host and what follows from it is back: 0.3 ms. */
const hostBytes = 768 * 2 ** 20;

/**
 * What a step costs, as bytes that it reads. On a GPU each layer waits for the one before it, which takes as long as reading some more; what is
 * before the layers and behind them is as many dispatches as half of one.
 */
export function stepBytes({ memory, spec, device }: Model): number {
  return memory.weightBytes + (spec.layers.length + 0.5) * waitingBytes(device);
}

/** What a layer waits, as bytes that are read meanwhile. */
export function waitingBytes({ onHost }: Pick<Device, 'onHost'>): number {
  return onHost ? 0 : layerBytes;
}

/**
 * What tokens take in the pass that verifies them, in steps: on the CPU it is arithmetic; on a GPU the weights are read anyway, and arithmetic and
 * activations come on top, which are the more per token the more there are.
 */
function verifyCost({ onHost }: Pick<Device, 'onHost'>): { readonly token: number; readonly square: number } {
  return onHost ? { token: 0.4, square: 0 } : { token: 0.015, square: 0.004 };
}

/**
 * What a round with a draft that a GPU decides about takes beside its tokens, in steps: that the draft model reads, what is taken back, most of all
 * by layers that are stepped again, and where the host proposes, that the device waits for it. Together with the costs of tokens it is what was
 * measured on an H100 with 1.1 B and a draft of 60 M: rounds of 1.3, 1.4, 1.55, 1.55 and 2.1 steps with 1, 2, 3, 4 and 7 tokens; 0.1 more with three of
 * four layers that look their states up.
 */
function roundCost(target: Model, proposedThere: boolean): number {
  const { layers } = target.graph.resolved;
  const shareOf = (is: (decoding: AnyDecoding) => boolean): number =>
    layers.filter(({ mixer }) => mixer?.part.decoding && is(mixer.part.decoding)).length / Math.max(1, layers.length);
  const again = shareOf(({ commit, lookUp }) => !commit && !lookUp);
  const found = shareOf(({ commit, lookUp }) => !commit && lookUp !== undefined);
  return 0.18 + 0.25 * again + 0.05 * found + (proposedThere ? 0 : hostBytes / stepBytes(target));
}

/** Where drafts come from, and who decides about them. */
export interface DraftCostCall {
  readonly target: Model;
  readonly draft: Pick<DraftSource, 'cost'>;
  /** Nodes for each token of depth: above 1 where drafts are trees. @defaultValue 1 */
  readonly width?: number | undefined;
  /** A device decides by itself, and proposes there or is told by the host; undefined: the host decides. */
  readonly onDevice?: { readonly proposes: boolean } | undefined;
}

/** What drafts cost by what is known of both models and of the device. */
export function draftCost({ target, draft, width = 1, onDevice }: DraftCostCall): DraftCost {
  const { token, square } = verifyCost(target.device);
  return {
    token: draft.cost(target) + width * token,
    square: width ** 2 * square,
    round: onDevice && roundCost(target, onDevice.proposes),
  };
}

/** Of as many entries products still go row by row, beside the weights that they read. */
const fewEntries = 8;

/**
 * Lengths of drafts, ascending: few, since each is programs to compile; and with the token before them no longer than what a GPU takes
 * at once, as long as nobody asks for more.
 */
export function deviceLengths(longest: number): number[] {
  const few = [2, 4, fewEntries - 1].filter((length) => length < longest);
  return longest <= fewEntries ? [...few, longest].filter((length) => length < fewEntries) : [...few, longest];
}
