import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Tensor, TensorTree } from '@tessera/tensor-core';
import type { CachePolicy } from './cache-policy.ts';
import type { ParamSpecs } from './params.ts';

/** Where a layer stands. */
export interface Site<Config> {
  readonly config: Required<Config>;
  /** Width of the model. */
  readonly dModel: number;
  /** Number of the layer from 0. */
  readonly layer: number;
  readonly layers: number;
}

/** How much a layer remembers. */
export interface StateSize {
  readonly batch: number;
  /** Entries that a sequence may have at once, those of a draft that is still open included. */
  readonly capacity: number;
  /** Positions that one step may bring at most. */
  readonly chunk: number;
}

/** Named outputs of one layer that a later one reads: per position `[B, n, …]`, or a cache. */
export type Links = Readonly<Record<string, Tensor>>;

/**
 * What a mixer is given. Lengths and positions are data on the device, so that a captured step depends on no host value.
 */
export interface Call<Config, Params> {
  readonly params: Params;
  readonly config: Required<Config>;
  /** `[B, T, D]` */
  readonly x: Tensor;
  /** Position of each entry in its sequence, `[B, T]`, i32. */
  readonly positions: Tensor;
  /** First entry of each row that counts, `[B]`, i32. */
  readonly starts: Tensor;
  /** Number of entries of each row that count, `[B]`, i32: entries starts … starts + lengths − 1. */
  readonly lengths: Tensor;
  /** Document of each entry of packed rows, `[B, T]`, i32; absent: one document a row. Kept apart, or refused with an error. */
  readonly segments?: Tensor;
  /** What a decoder attends to beside itself, `[B, S, D]`. */
  readonly context?: Tensor;
  readonly links?: Links;
  /** Key of random numbers, `[2]`, u32; only in training. */
  readonly random?: Tensor;
  readonly training?: boolean;
  /** Slots of a growing cache; absent: one after another. */
  readonly cache?: CachePolicy;
}

/** What a mixer gives back for whole sequences. */
export interface MixerOutput {
  /** `[B, T, D]` */
  readonly y: Tensor;
  readonly links?: Links;
  /** Auxiliary loss, a scalar. */
  readonly aux?: Tensor;
}

/** What a step is given. */
export interface StepCall<Config, Params, State> extends Call<Config, Params> {
  /** Consumed: not to be used after the step. */
  readonly state: State;
  /**
   * Parent of each of the n entries, `[B, n]`, i32, −1 for the last committed position, parents before children; those of
   * entries that do not count mean nothing. Absent: a chain.
   */
  readonly parents?: Tensor;
  /**
   * True: a commit in order follows, recorded with the step; which entries stay is known then. A mixer may give links by which its commit
   * need not read them again. @defaultValue false
   */
  readonly draft?: boolean | undefined;
}

/** What a commit is given. */
export interface CommitCall<Config, Params, State> {
  readonly params: Params;
  readonly config: Required<Config>;
  /** The state before the step. */
  readonly snapshot: State;
  /** The state after the step. */
  readonly state: State;
  /** What the step read, `[B, n, D]`. */
  readonly inputs: Tensor;
  /** Positions that the step was given, `[B, n]`, i32. */
  readonly positions: Tensor;
  /** First entry of each row that the step read, `[B]`, i32. */
  readonly starts: Tensor;
  /** Named outputs that the step read, as they were. */
  readonly links?: Links;
  /** Named outputs of the step itself. */
  readonly outputs?: Links;
  /** What the step attended to beside itself, `[B, S, D]`. */
  readonly context?: Tensor;
  /** Nodes that stay, in order, `[B, depth]`, i32; entries from `count` on mean nothing. */
  readonly path: Tensor;
  /** How many nodes stay, `[B]`, i32. */
  readonly count: Tensor;
  /**
   * True: of a chain the first nodes stay, `path` counts from 0 and rows start at 0, so that nothing has to be moved; known when
   * the commit is recorded. What does not look at it is as right.
   */
  readonly inOrder?: boolean | undefined;
  /** True: `count` is 0 in each row, known when the commit is recorded. What does not look at it is as right. */
  readonly nothing?: boolean | undefined;
  readonly cache?: CachePolicy;
}

/** How much memory a state takes, as declared. */
export interface Memory {
  /** How it grows with the number of positions. */
  readonly growth: 'constant' | 'bounded' | 'logarithmic' | 'linear';
  /** Bytes of the whole state. */
  readonly bytes: number;
}

/** How a mixer goes on position by position. */
export interface Decoding<Config, Params, State> {
  /** Bytes of the state that {@link Decoding.init} makes. */
  memory(site: Site<Config> & StateSize & { readonly cache?: CachePolicy }): Memory;
  /** The state before the first position: a tree of tensors of fixed capacity, each with the batch as its first axis. */
  init(
    site: Site<Config> &
      StateSize & { readonly params: Params; readonly context?: Tensor; readonly cache?: CachePolicy },
  ): State;
  /** Row b reads its positions starts[b] … starts[b] + lengths[b] − 1 of the n given; the others touch nothing. */
  step(call: StepCall<Config, Params, State>): { readonly y: Tensor; readonly state: State; readonly links?: Links };
  /** True when `step` takes `parents`. Otherwise a tree is run node by node, with a state for each. */
  readonly trees?: boolean;
  /** True when a growing cache is read as {@link CachePolicy.read} says, where the policy says anything. */
  readonly followsPolicy?: boolean;
  /** Keeps of the last step only the nodes on the path. Absent: the snapshot is restored and steps over them again. */
  commit?(call: CommitCall<Config, Params, State>): State;
  /**
   * Without a commit of its own: finds the state that is wanted among the links of a step that was a {@link StepCall.draft}, so that nothing is
   * read again. Undefined: it is not there.
   */
  lookUp?(call: CommitCall<Config, Params, State>): State | undefined;
}

/**
 * A layer that lets positions see each other: attention, a recurrence, a memory. Everything else in a model looks at one
 * position at a time.
 */
export interface SequenceMixer<
  Config extends object = object,
  Params extends object = object,
  State extends object = object,
> {
  readonly contract: 'sequence-mixer/1';
  /** Full npm name of the package, ':', the mixer. Written into spec files. */
  readonly name: `${string}:${string}`;
  readonly config: StandardSchemaV1<unknown, Required<Config>>;
  /** The learned tensors. Keys are stable: checkpoints name them. */
  params(site: Site<Config>): ParamSpecs<Params>;
  /**
   * Links that it reads: one row per position `[B, n, …]`, or the memory of another layer. Whose own state depends on what it
   * reads of a memory has to bring a `commit`, since that memory is not as it was before the step.
   */
  readonly reads?: Readonly<Record<string, 'positions' | 'memory'>>;
  /** Whole sequences; differentiable. */
  forward(call: Call<Config, Params>): MixerOutput;
  /** Absent for encoders and whatever looks at the whole sequence; `generate` refuses such a stack when it is assembled. */
  readonly decoding?: Decoding<Config, Params, State>;
}

/** A mixer whose types nobody knows any more, as an assembler handles it. */
// oxlint-disable-next-line typescript/no-explicit-any -- the erased form of all mixers; config and params are checked by their schema
export type AnyMixer = SequenceMixer<any, any, any>;

/** State of a mixer whose types nobody knows any more. */
export type AnyState = TensorTree;
