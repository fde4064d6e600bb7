import type { JoinFactors, LayerSpec, MixerSpec, PartSpec, TensorRule } from '@tessera/plugin';

/** Shape of a tensor of the checkpoint by its short name; `undefined` when the file lacks it, or is yet to be made. */
export type PresentBelow = (tensor: string) => readonly number[] | undefined;

/**
 * One part of a model: what it is in a spec, and the tensors that it is published as. Names in the rules are short: below
 * the part's own published name on one side, the part's parameters on the other.
 */
export interface PublishedPart<Spec extends PartSpec = PartSpec> {
  readonly spec: Spec;
  /** @param present - the tensors of the checkpoint below this part */
  rules(present: PresentBelow): readonly TensorRule[];
}

/** A part with the name that it is published under, relative to its layer; several names where versions differ. */
export interface NamedPart<Spec extends PartSpec = PartSpec> {
  readonly names: readonly [string, ...string[]];
  readonly part: PublishedPart<Spec>;
}

/** One block of a published model. */
export interface PublishedLayer {
  readonly mixer: NamedPart<MixerSpec>;
  readonly feedForward: NamedPart;
  readonly mixerNorm?: NamedPart;
  readonly mixerOutputNorm?: NamedPart;
  readonly feedForwardNorm?: NamedPart;
  readonly feedForwardOutputNorm?: NamedPart;
  readonly residual?: NonNullable<LayerSpec['residual']>;
  readonly residualMultiplier?: number;
  readonly mixerFactors?: JoinFactors;
  readonly feedForwardFactors?: JoinFactors;
  /** In training, of what mixer and feed-forward add. */
  readonly residualDropout?: number | undefined;
}

/** A whole published model: one declaration that spec and tensor rules both follow from. */
export interface PublishedModel {
  readonly vocabSize: number;
  readonly dModel: number;
  readonly maxPositions: number;
  /** Prefixes of all tensors but the head, the usual one first; files of the bare model lack it. */
  readonly prefixes: readonly [string, ...string[]];
  readonly embedding: {
    readonly name: string;
    readonly multiplier?: number;
    /** Table of learned positions. */
    readonly positions?: { readonly name: string; readonly rows: number };
    /** Token whose row has no gradient from being read. */
    readonly paddingId?: number | undefined;
    /** In training, of what the first layer reads. */
    readonly dropout?: number | undefined;
  };
  /** Name of the list of layers, for example `layers`. */
  readonly layersName: string;
  readonly layers: readonly PublishedLayer[];
  readonly finalNorm: NamedPart;
  readonly head: {
    /** Full names, the usual one first. */
    readonly names: readonly [string, ...string[]];
    readonly tied: boolean;
    readonly multiplier?: number;
    readonly softCap?: number;
  };
}

/** Gives a part the name that it is published under. */
export function named<Spec extends PartSpec>(
  part: PublishedPart<Spec>,
  ...names: readonly [string, ...string[]]
): NamedPart<Spec> {
  return { names, part };
}
