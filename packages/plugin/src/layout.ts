import type { ModelSpec } from './spec.ts';

/** Published config of a checkpoint, as read from `config.json`. */
export type PublishedConfig = Readonly<Record<string, unknown>>;

/** Tensors of a checkpoint: shapes by published name. */
export type PublishedShapes = ReadonlyMap<string, readonly number[]>;

/** The same tensor under another name. */
export interface RenameRule {
  readonly kind: 'rename';
  readonly published: string;
  readonly ours: string;
  /** The two axes are swapped. */
  readonly transposed?: boolean;
  /** Axis of length 1 of the published tensor that ours lacks, or several in ascending order. */
  readonly squeezed?: number | readonly number[];
}

/** One published tensor is several of ours, one after another along the first axis. */
export interface SplitRule {
  readonly kind: 'split';
  readonly published: string;
  readonly ours: readonly string[];
  /** Rows of each of ours in a block. */
  readonly sizes: readonly number[];
  /** The first axis is that many blocks, each split alike (interleaved heads). @defaultValue 1 */
  readonly blocks?: number;
  /** The two axes are swapped first, so that the published tensor is split along its last one. */
  readonly transposed?: boolean;
}

/** Several published tensors, in order along the first axis, are several of ours, split at other places. */
export interface RegroupRule {
  readonly kind: 'regroup';
  readonly published: readonly string[];
  /** Rows of each published tensor. */
  readonly rows: readonly number[];
  readonly ours: readonly string[];
  /** Rows of each of ours in a block. */
  readonly sizes: readonly number[];
  /** The rows of all published tensors are that many blocks, each split alike (interleaved heads). @defaultValue 1 */
  readonly blocks?: number;
  /** Axis of length 1 of the published tensors that ours lack. */
  readonly squeezed?: number;
  /**
   * Blocks are an axis of their own, `[blocks, rows, …]`, as the matrices of experts are: of ours alone, or of the one published
   * tensor as well. Absent: all rows are in one axis.
   */
  readonly stacked?: 'ours' | 'both';
}

/**
 * A published tensor that repeats one of ours, which another rule reads: both names of a tied matrix in one file. If its
 * values differ, the model is not tied and the tensor is `untied`.
 */
export interface CopyRule {
  readonly kind: 'copy';
  readonly published: string;
  /** The tensor of ours that is repeated. */
  readonly ours: string;
  /** The name that it has when it differs. */
  readonly untied: string;
}

/**
 * Taps of convolutions over time that are published with a mask, `[C, 1, length, 1]`, of which only the first count: those that
 * do not reach ahead. Ours are these alone, `[C, taps]`; the others are written as zeros.
 */
export interface TapsRule {
  readonly kind: 'taps';
  readonly published: string;
  readonly ours: string;
  /** How many count. */
  readonly taps: number;
  /** How many are published. */
  readonly length: number;
}

/**
 * One invertible linear rule between published tensors and ours. Shapes follow from the published ones, so the same rule
 * serves weights, gradients and optimiser states.
 */
export type TensorRule = RenameRule | SplitRule | RegroupRule | CopyRule | TapsRule;

/** Options of {@link CheckpointLayout.toSpec}. */
export interface SpecOptions {
  /**
   * Positions that prompt and new tokens may have together. Rotary rules that depend on the length (dynamic, longrope) are
   * fixed at it.
   * @defaultValue as far as the published frequencies for short contexts go
   */
  readonly contextLength?: number;
}

/** What a config says. */
export interface SpecReading {
  readonly spec: ModelSpec;
  /** Sentences about what is odd and harmless. */
  readonly warnings: readonly string[];
}

/** A published checkpoint layout: its config to a spec, its tensors to ours, and back. */
export interface CheckpointLayout {
  /** `model_type` values that it reads. */
  readonly modelTypes: readonly string[];
  /**
   * The spec of a published config.
   * @throws {@link UnsupportedArchitectureError} naming a field that is not understood or not neutral
   * @throws {@link ModelFormatError} naming a field whose value is of the wrong type or out of range
   */
  toSpec(config: PublishedConfig, options?: SpecOptions): SpecReading;
  /**
   * Rules that cover every tensor of the model.
   * @param present - the tensors of the checkpoint, where spellings and borders differ between versions; absent: those of a
   *   new file
   */
  rules(config: PublishedConfig, present?: PublishedShapes): readonly TensorRule[];
  /** Published tensors that hold nothing of this model: buffers, parts for other inputs. A save carries them along. */
  readonly ignored?: readonly RegExp[];
}
