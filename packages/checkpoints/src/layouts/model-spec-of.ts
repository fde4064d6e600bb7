import { layerSlots } from '@tessera/plugin';
import type { LayerSpec, ModelSpec } from '@tessera/plugin';
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
    ...(layer.residual === 'parallel' && { residual: layer.residual }),
    ...((layer.residualMultiplier ?? 1) !== 1 && { residualMultiplier: layer.residualMultiplier as number }),
    ...(layer.residualDropout !== undefined && { residualDropout: layer.residualDropout }),
  };
}
