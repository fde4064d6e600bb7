import type { ModelSpec } from './spec.ts';

/** Published config of a checkpoint, as read from `config.json`. */
export type PublishedConfig = Readonly<Record<string, unknown>>;

/**
 * One invertible linear rule between published tensors and ours. Shapes follow from the published ones, so the same rule
 * serves weights, gradients and optimiser states.
 */
export type TensorRule =
  /** The same tensor under another name; `transposed`: its two axes swapped; `shape`: reshaped to (ours). */
  | {
      readonly kind: 'rename';
      readonly published: string;
      readonly ours: string;
      readonly transposed?: boolean;
      readonly shape?: readonly number[];
    }
  /**
   * One published tensor is several of ours, one after another along its first axis (the last one if `transposed`).
   * `blocks`: the first axis is that many blocks, each split alike (interleaved heads).
   */
  | {
      readonly kind: 'split';
      readonly published: string;
      readonly ours: readonly string[];
      readonly sizes: readonly number[];
      readonly blocks?: number;
      readonly transposed?: boolean;
    }
  /** Several published tensors, in order along the first axis, are several of ours, split at other places. */
  | {
      readonly kind: 'regroup';
      readonly published: readonly string[];
      readonly ours: readonly string[];
      readonly sizes: readonly number[];
    };

/** A published checkpoint layout: its config to a spec, its tensors to ours, and back. */
export interface CheckpointLayout {
  /** `model_type` values that it reads. */
  readonly modelTypes: readonly string[];
  /**
   * The spec of a published config.
   * @throws {@link UnsupportedArchitectureError} naming a field that is not understood or not neutral
   */
  toSpec(config: PublishedConfig): { readonly spec: ModelSpec; readonly warnings: readonly string[] };
  /**
   * Rules that cover every tensor of the model.
   * @param present - names in the checkpoint, where spellings differ between versions
   */
  rules(config: PublishedConfig, present?: ReadonlySet<string>): readonly TensorRule[];
  /** Published tensors that hold nothing learned and are left out. */
  readonly ignored?: readonly RegExp[];
  /** Prefix that files of the bare model lack. */
  readonly basePrefix?: string;
}
