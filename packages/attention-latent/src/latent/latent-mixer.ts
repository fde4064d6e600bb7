import { turnedBack } from '@tessera/head-projections';
import type { RotaryConfig } from '@tessera/head-projections';
import { linear } from '@tessera/ops';
import type { Call, Decoding, SequenceMixer } from '@tessera/plugin';
import { seenPositions, validEntries } from '@tessera/plugin';
import { equal, expandDims, reshape, where } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { appendRows, commitRows, emptyRows, growthOf, policyOf, rowCacheBytes } from '../cache/row-cache.ts';
import type { RowCache, RowCacheConfig } from '../cache/row-cache.ts';
import { inSlots, asWritten, treeMask } from '../cache/cache-views.ts';
import { attendAbsorbed, attendMaterialized } from './attend-latents.ts';
import { latentSizes } from './latent-config.ts';
import type { AnyLatentConfig, LatentAttentionConfig, LatentSizes } from './latent-config.ts';
import { latentAttentionParams } from './latent-params.ts';
import type { LatentAttentionParams } from './latent-params.ts';
import { projectLatents } from './project-latents.ts';

/** What mixers with one latent and with several have in common: all but their names and settings. */
export function latentMixer<Config extends LatentAttentionConfig>(): Pick<
  SequenceMixer<Config, LatentAttentionParams, RowCache>,
  'params' | 'forward'
> & { readonly decoding: Decoding<Config, LatentAttentionParams, RowCache> } {
  const read = (config: Required<Config>): AnyLatentConfig => config as unknown as AnyLatentConfig;
  return {
    params: ({ config, dModel }) => latentAttentionParams({ config: read(config), dModel }),
    forward: (call) => ({ y: forward({ ...call, config: read(call.config) }) }),
    decoding: {
      trees: true,
      followsPolicy: true,
      memory(site) {
        const config = read(site.config);
        return {
          growth: growthOf(config, site.cache),
          bytes: rowCacheBytes(cacheConfig(config, site.dModel), site),
        };
      },
      init: (site) => emptyRows(cacheConfig(read(site.config), site.dModel), site),
      step(call) {
        const { params, x, positions, state, parents, starts, lengths } = call;
        const config = read(call.config);
        const sizes = latentSizes(config, x.shape[2]!);
        const projected = projectLatents({ params, config, x, positions }, sizes);
        const write = { rows: projected.rows, positions, starts, lengths };
        const policy = policyOf(config, call.cache);
        const { cache, slots } = appendRows(state, policy, write);
        const S = cache.positions.shape[1]!;
        const reading = policy.read?.({
          positions,
          lengths,
          count: state.count,
          slots: S,
          tree: parents !== undefined,
        });
        const sight = {
          queryPositions: positions,
          keyPositions: reading ? seenPositions(cache.positions, reading) : cache.positions,
          ...(parents && { mask: treeMask(parents, slots, cache.rows.shape[1]!) }),
          window: reading ? reading.window : config.window,
          pinned:
            reading && reading.pinned > 0
              ? { slots: reading.pinned, turned: turnedBack(projected.turned, reading.back, rotaryOf(config, sizes)) }
              : undefined,
        };
        const o =
          x.shape[1]! <= config.absorbUpTo
            ? attendAbsorbed(params, projected, asWritten(cache), sizes, sight)
            : attendMaterialized(params, projected, inSlots(cache), sizes, sight);
        return { y: output(params, o), state: cache };
      },
      commit: ({ snapshot, state, inputs, config, cache, ...commit }) =>
        commitRows(snapshot, state, policyOf(read(config), cache), { ...commit, n: inputs.shape[1]! }),
    },
  };
}

/** How the shared key turns; undefined: not at all. */
function rotaryOf({ rotary }: AnyLatentConfig, { rotaryDim }: LatentSizes): RotaryConfig | undefined {
  return rotaryDim === 0 ? undefined : (rotary as RotaryConfig | undefined);
}

function forward(call: Call<LatentAttentionConfig, LatentAttentionParams> & { config: AnyLatentConfig }): Tensor {
  const { params, config, positions, segments, random, training } = call;
  const sizes = latentSizes(config, call.x.shape[2]!);
  const projected = projectLatents(call, sizes);
  const o = attendMaterialized(params, projected, projected.rows, sizes, {
    queryPositions: positions,
    keyPositions: where(validEntries(call, positions.shape[1]!), positions, -1),
    ...(segments && { mask: equal(expandDims(segments, 2), expandDims(segments, 1)) }),
    window: config.window,
    ...(training && random && { dropout: { probability: config.dropout, key: random } }),
  });
  return output(params, o);
}

function output(params: LatentAttentionParams, o: Tensor): Tensor {
  const [B, n, H, valueDim] = o.shape as [number, number, number, number];
  return linear(reshape(o, [B, n, H * valueDim]), params.o_proj, params.o_bias);
}

function cacheConfig(config: AnyLatentConfig, dModel: number): RowCacheConfig {
  const { latentHeads, latentDim, rotaryDim } = latentSizes(config, dModel);
  return { width: latentHeads * latentDim + rotaryDim, window: config.window, pageSize: config.pageSize };
}
