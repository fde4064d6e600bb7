import type { CheckpointLayout, Plugin } from '@tessera/plugin';
import { definePlugin } from '@tessera/plugin';
import { flaLayouts } from './families/fla/fla-layouts.ts';
import { deepseekV2 } from './families/deepseek-v2.ts';
import { deepseekV3 } from './families/deepseek-v3.ts';
import { gemma3 } from './families/gemma3.ts';
import { gemma3Text } from './families/gemma3-text.ts';
import { gpt2 } from './families/gpt2.ts';
import { gptNeox } from './families/gpt-neox.ts';
import { groupedLatentGla, groupedLatentGta } from './families/papers/grouped-latent.ts';
import { linearizedFlash } from './families/papers/linearized-flash.ts';
import { memoryMosaicsLibrary } from './families/papers/memory-mosaics-library.ts';
import { memoryMosaicsNano } from './families/papers/memory-mosaics-nano.ts';
import { granite } from './families/granite.ts';
import { kimiLinear } from './families/kimi-linear.ts';
import { lfm2 } from './families/lfm2.ts';
import { llama } from './families/llama.ts';
import { minicpm3 } from './families/minicpm3.ts';
import { minimax } from './families/minimax.ts';
import { mistral } from './families/mistral.ts';
import { olmo2 } from './families/olmo2.ts';
import { olmoHybrid } from './families/olmo-hybrid.ts';
import { phi3 } from './families/phi3.ts';
import { qwen2 } from './families/qwen2.ts';
import { qwen3 } from './families/qwen3.ts';
import { qwen3Next } from './families/qwen3-next.ts';
import { smollm3 } from './families/smollm3.ts';
import { nativeLayout } from './native-layout.ts';

/** Published layouts that are understood: families of transformers, and of flash-linear-attention. */
export const publishedLayouts: readonly CheckpointLayout[] = [
  llama,
  qwen2,
  qwen3,
  mistral,
  minicpm3,
  gemma3Text,
  gemma3,
  gpt2,
  gptNeox,
  phi3,
  olmo2,
  granite,
  smollm3,
  olmoHybrid,
  lfm2,
  qwen3Next,
  deepseekV2,
  deepseekV3,
  kimiLinear,
  minimax,
  ...flaLayouts,
  groupedLatentGla,
  groupedLatentGta,
  linearizedFlash,
  memoryMosaicsLibrary,
  memoryMosaicsNano,
];

/** The published layouts and our own, for an assembler. */
export const huggingFace: Plugin = definePlugin({
  contract: 'plugin/1',
  name: '@tessera/checkpoints',
  layouts: [...publishedLayouts, nativeLayout],
});
