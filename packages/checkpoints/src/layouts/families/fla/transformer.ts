import type { CheckpointLayout } from '@tessera/plugin';
import { makeLayout } from '../../make-layout.ts';
import { flaModel } from './fla-model.ts';
import { flaAttention } from './hybrid-layers.ts';

/** The transformer of flash-linear-attention, beside which its other models stand. */
export const flaTransformer: CheckpointLayout = makeLayout({
  modelType: 'transformer',
  read: (reader, options) =>
    flaModel(reader, options, {
      hybrid: false,
      mixer(fields, { dModel }) {
        // All its norms have weights.
        fields.inert(['elementwise_affine']);
        const heads = fields.int('num_heads', 32, { max: 65_536 });
        return flaAttention(fields, dModel, heads, { qkNorm: fields.bool('qk_norm', false) });
      },
    }),
});
