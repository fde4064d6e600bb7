import type { LanguageModelGraph, SaveOptions } from '@tessera/assembler';
import type { FileSink } from '@tessera/checkpoints';
import type { ByPath } from './optimizers/update-rule.ts';
import type { BatchLoss, BatchTensors } from './step/next-token-loss.ts';

/**
 * What is trained in place of a model's weights, which stay as they are: other tensors, and how the model's parameters are made
 * of both. LoRA of `@tessera/lora` is one; heads of `@tessera/decoding-speculative` are one that learns something else.
 */
export interface Adapter {
  /** What is trained, by name: f32, on the device of the model. A trainer works on copies. */
  readonly tensors: ByPath;
  /** Plain data by which a checkpoint knows the adapter again. */
  readonly settings: object;
  /**
   * Records the parameters of the model, by path.
   * @param weights - those of the model, as they are kept; what is not changed is given as it came
   * @param trained - in place of {@link Adapter.tensors}
   */
  apply(weights: ByPath, trained: ByPath): ByPath;
  /** Records what is learned in place of predicting the next token. @defaultValue the next token is predicted */
  loss?(call: AdapterLossCall): BatchLoss;
  /** Writes what was trained, in place of a model. */
  save(sink: FileSink, call: SaveAdapterCall): Promise<void>;
}

/** What an adapter's own loss is made of. */
export interface AdapterLossCall {
  readonly graph: LanguageModelGraph;
  /** Those of the model, as they are kept. */
  readonly weights: ByPath;
  /** In place of {@link Adapter.tensors}. */
  readonly trained: ByPath;
  readonly batch: BatchTensors;
}

/** What an adapter saves. */
export interface SaveAdapterCall {
  readonly trained: ByPath;
  /** Element type in the file. @defaultValue fp32 */
  readonly dtype?: SaveOptions['dtype'];
  /** Rejects with `signal.reason`; files that were written until then stay. */
  readonly signal?: AbortSignal | undefined;
}
