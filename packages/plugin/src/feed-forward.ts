import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Tensor } from '@tessera/tensor-core';
import type { Site } from './mixer.ts';
import type { ParamSpecs } from './params.ts';

/** How a router spread its tokens over experts, for one loss of all routers of a stack together. */
export interface RouterBalance {
  /** Number of tokens that chose each expert over that of all tokens, `[E]`, without a gradient. */
  readonly chosen: Tensor;
  /** Mean score of each expert, `[E]`. */
  readonly scores: Tensor;
  /** Weight of the loss. */
  readonly weight: number;
}

/** A layer that looks at one position at a time. */
export interface FeedForward<Config extends object = object, Params extends object = object> {
  readonly contract: 'feed-forward/1';
  readonly name: `${string}:${string}`;
  readonly config: StandardSchemaV1<unknown, Required<Config>>;
  /** The learned tensors of a layer with these settings. */
  params(site: Site<Config>): ParamSpecs<Params>;
  /** `[…, D]` → `[…, D]`, with an auxiliary loss if it has one, or what a loss over all layers needs of it. */
  forward(call: {
    readonly params: Params;
    readonly config: Required<Config>;
    readonly x: Tensor;
    readonly training?: boolean;
    readonly random?: Tensor;
  }): {
    readonly y: Tensor;
    readonly aux?: Tensor;
    readonly balance?: RouterBalance;
  };
}

/** A feed-forward whose types nobody knows any more. */
// oxlint-disable-next-line typescript/no-explicit-any -- the erased form; config and params are checked by their schema
export type AnyFeedForward = FeedForward<any, any>;

/** Rescales each position by its own statistics. */
export interface Norm<Config extends object = object, Params extends object = object> {
  readonly contract: 'norm/1';
  readonly name: `${string}:${string}`;
  readonly config: StandardSchemaV1<unknown, Required<Config>>;
  /** The learned tensors of a layer with these settings. */
  params(site: Site<Config>): ParamSpecs<Params>;
  /** `[…, D]` → `[…, D]` */
  forward(call: { readonly params: Params; readonly config: Required<Config>; readonly x: Tensor }): Tensor;
}

/** A norm whose types nobody knows any more. */
// oxlint-disable-next-line typescript/no-explicit-any -- the erased form; config and params are checked by their schema
export type AnyNorm = Norm<any, any>;
