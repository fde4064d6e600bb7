import type { SaveOptions } from '@tessera/assembler';
import type { FileSink } from '@tessera/checkpoints';
import type { ByPath } from './optimizers/update-rule.ts';

/**
 * What is trained in place of a model's weights, which stay as they are: other tensors, and how the model's parameters are made
 * of both. LoRA of `@tessera/lora` is one.
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
  /** Writes what was trained, in place of a model. */
  save(sink: FileSink, call: SaveAdapterCall): Promise<void>;
}

/** What an adapter saves. */
export interface SaveAdapterCall {
  readonly trained: ByPath;
  /** Element type in the file. @defaultValue fp32 */
  readonly dtype?: SaveOptions['dtype'];
  /** Rejects with `signal.reason`; files that were written until then stay. */
  readonly signal?: AbortSignal | undefined;
}
