import type { CheckpointLayout } from '@tessera/plugin';
import { flaDeltaNet } from './delta-net.ts';
import { flaGatedDeltaNet } from './gated-deltanet.ts';
import { flaGatedDeltaProduct } from './gated-deltaproduct.ts';
import { flaGla } from './gla.ts';
import { flaKda } from './kda.ts';
import { flaLinearAttn } from './linear-attn.ts';
import { flaMla } from './mla.ts';
import { flaRetnet } from './retnet.ts';
import { flaTransformer } from './transformer.ts';

/** Layouts of flash-linear-attention. @see https://github.com/fla-org/flash-linear-attention */
export const flaLayouts: readonly CheckpointLayout[] = [
  flaTransformer,
  flaLinearAttn,
  flaRetnet,
  flaGla,
  flaDeltaNet,
  flaGatedDeltaNet,
  flaGatedDeltaProduct,
  flaKda,
  flaMla,
];
