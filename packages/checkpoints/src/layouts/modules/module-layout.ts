import type { MixerSpec, PublishedConfig, PublishedShapes, TensorRule } from '@tessera/plugin';
import { linearizedGpt2Attention } from './linearized-gpt2-attention.ts';
import { linearizedLlamaAttention } from './linearized-llama-attention.ts';
import { linearizedLlamaReplacement } from './linearized-llama-replacement.ts';

/** A single published layer, for which there is no model around it. */
export interface PublishedModule {
  /** Width of what it reads and gives. */
  readonly dModel: number;
  readonly mixer: MixerSpec;
  /** Between its tensors and the mixer's learned ones. */
  readonly rules: readonly TensorRule[];
  /** Its tensors that these settings do not use. */
  readonly ignored: readonly RegExp[];
}

/** How a single layer of a paper's code is published. */
export interface ModuleLayout {
  /** `model_type` that it reads. */
  readonly modelType: string;
  /**
   * @param present - its tensors, from which sizes follow that the settings do not say
   * @throws {@link UnsupportedArchitectureError} naming a field that is not understood
   */
  read(config: PublishedConfig, present: PublishedShapes): PublishedModule;
}

const layouts: readonly ModuleLayout[] = [
  linearizedGpt2Attention,
  linearizedLlamaAttention,
  linearizedLlamaReplacement,
];

/** The layout of a single layer by the `model_type` of its config; undefined where that is a model. */
export function moduleLayoutOf(config: PublishedConfig): ModuleLayout | undefined {
  return layouts.find(({ modelType }) => modelType === config['model_type']);
}
