import type { MixerSpec, TensorRule } from '@tessera/plugin';
import type { ConfigReader } from '../../config-reader.ts';
import type { PublishedPart } from '../../published-model.ts';
import type { ExpandedHeads } from './head-fields.ts';
import { convolutions, projections, rename } from './tensor-rules.ts';

/** Fields that RetNet and GLA share beside the sizes of heads. */
export interface GatedHeadsFields extends ExpandedHeads {
  readonly convolution: number;
  readonly featureActivation: string;
  readonly outputGate: boolean;
  readonly normWeight: boolean;
  readonly normEps: number;
}

/**
 * The output of RetNet and GLA: whether it is gated, whether its norm has a weight, and under which name. The norm of a gated output is
 * published under another name where it is fused with the gate.
 */
export function readGatedOutput(reader: ConfigReader): { outputGate: boolean; normWeight: boolean; normName: string } {
  const outputGate = reader.bool('use_output_gate', true);
  const fused = outputGate && reader.bool('fuse_norm', true);
  const affine = reader.value('elementwise_affine') === null ? false : reader.bool('elementwise_affine', true);
  return { outputGate, normWeight: affine, normName: fused ? 'g_norm_swish_gate' : 'g_norm' };
}

/** The part of a mixer whose memory decays and is added to. */
export function gatedHeadsPart(
  type: MixerSpec['type'],
  fields: GatedHeadsFields,
  { normName, more = {}, rules = [] }: {
    readonly normName: string;
    readonly more?: Readonly<Record<string, unknown>>;
    readonly rules?: readonly TensorRule[];
  }, // prettier-ignore
): PublishedPart<MixerSpec> {
  const { heads, kvHeads, keyDim, valueDim, convolution, outputGate, normWeight } = fields;
  return {
    spec: { type, config: { ...fields, ...more } },
    rules: () => [
      ...projections('q', 'k', 'v', ...(outputGate ? ['g'] : []), 'o'),
      ...convolutions(convolution, [heads * keyDim, kvHeads * keyDim, kvHeads * valueDim]),
      ...(normWeight ? [rename(`${normName}.weight`, 'o_norm')] : []),
      ...rules,
    ],
  };
}
