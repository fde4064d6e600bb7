import { layerSlots } from '@tessera/plugin';
import type { JoinFactors, LayerSpec, ModelSpec } from '@tessera/plugin';
import type { PublishedLayer, PublishedModel } from './published-model.ts';

/** The spec of a published model. Settings that are the default are left out. */
export function modelSpecOf(model: PublishedModel): ModelSpec {
  const { vocabSize, dModel, maxPositions, embedding, head } = model;
  const { multiplier = 1, positions, paddingId, dropout } = embedding;
  const read = {
    ...(multiplier !== 1 && { multiplier }),
    ...(positions && { positions: positions.rows }),
    ...(paddingId !== undefined && { paddingId }),
    ...(dropout !== undefined && { dropout }),
  };
  return {
    vocabSize,
    dModel,
    maxPositions,
    ...(Object.keys(read).length > 0 && { embedding: read }),
    layers: model.layers.map(layerSpecOf),
    finalNorm: model.finalNorm.part.spec,
    head: {
      tied: head.tied,
      ...((head.multiplier ?? 1) !== 1 && { multiplier: head.multiplier as number }),
      ...(head.softCap !== undefined && { softCap: head.softCap }),
    },
  };
}

function layerSpecOf(layer: PublishedLayer): LayerSpec {
  const parts = layerSlots.flatMap((slot) => {
    const held = layer[slot];
    return held ? [[slot, held.part.spec]] : [];
  });
  return {
    ...(Object.fromEntries(parts) as LayerSpec),
    ...((layer.residual ?? 'sequential') !== 'sequential' && { residual: layer.residual as 'parallel' | 'normed' }),
    ...((layer.residualMultiplier ?? 1) !== 1 && { residualMultiplier: layer.residualMultiplier as number }),
    ...factors('mixerFactors', layer.mixerFactors),
    ...factors('feedForwardFactors', layer.feedForwardFactors),
    ...(layer.residualDropout !== undefined && { residualDropout: layer.residualDropout }),
  };
}

function factors(
  key: 'mixerFactors' | 'feedForwardFactors',
  { kept = 1, added = 1 }: JoinFactors = {},
): Partial<LayerSpec> {
  if (kept === 1 && added === 1) return {};
  return { [key]: { ...(kept !== 1 && { kept }), ...(added !== 1 && { added }) } };
}
