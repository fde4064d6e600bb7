import type { AnyDecoding, AnyMixer, CachePolicy, Memory } from '@tessera/plugin';
import { decodingOf } from '@tessera/plugin';
import { InvalidSpecError, UnsupportedOptionError, isTesseraError } from '@tessera/tensor-core';
import type { Resolved, ResolvedLayer, ResolvedModel } from './resolve.ts';

/** A model whose growing caches are read under a policy. */
export interface BoundModel {
  readonly resolved: ResolvedModel;
  /** What is odd and harmless. */
  readonly warnings: readonly string[];
}

/**
 * Gives a cache policy to the layers whose memory would grow with the sequence. Layers of constant memory and layers that were trained
 * with a window stay as they are.
 * @throws {@link InvalidSpecError} naming a layer that cannot follow the policy, or why the model cannot
 */
export function bindCachePolicy(resolved: ResolvedModel, policy: CachePolicy | undefined): BoundModel {
  if (!policy) return { resolved, warnings: [] };
  const { spec } = resolved;
  const said = policy.check?.({ maxPositions: spec.maxPositions, learnedPositions: spec.embedding?.positions }) ?? {};
  if (said.refused !== undefined)
    throw new InvalidSpecError(`cachePolicy '${policy.name}' does not fit the model: ${said.refused}.`, {
      facts: { policy: policy.name },
    });
  const grows = resolved.layers.map((layer, index) => growthOf(layer, index, resolved));
  const layers = resolved.layers.map((layer, index) => {
    const { mixer } = layer;
    if (!mixer || grows[index] === undefined || grows[index] === 'constant' || grows[index] === 'bounded') return layer;
    checkFollows(mixer, index, policy, grows);
    return { ...layer, mixer: { ...mixer, part: bound(mixer.part, policy, index) } };
  });
  const bare = layers.every((layer, index) => layer === resolved.layers[index]);
  return {
    resolved: { ...resolved, layers, cachePolicy: policy },
    warnings: [
      ...(said.warning === undefined ? [] : [`cachePolicy: ${said.warning}`]),
      ...(bare ? [`cachePolicy '${policy.name}': no layer has a cache that grows, so there is nothing to evict.`] : []),
    ],
  };
}

/** How the memory of a layer grows; undefined: it has none, or cannot go on position by position. */
function growthOf({ mixer }: ResolvedLayer, layer: number, { spec }: ResolvedModel): Memory['growth'] | undefined {
  if (!mixer?.part.decoding) return undefined;
  const site = { config: mixer.config, dModel: spec.dModel, layer, layers: spec.layers.length };
  return decodingOf(mixer.part).memory({ ...site, batch: 1, capacity: spec.maxPositions, chunk: 1 }).growth;
}

function checkFollows(
  { part, links }: Resolved<AnyMixer> & Pick<NonNullable<ResolvedLayer['mixer']>, 'links'>,
  layer: number,
  { name }: CachePolicy,
  grows: readonly (Memory['growth'] | undefined)[],
): void {
  const refuse = (why: string, mend: string): never => {
    throw new InvalidSpecError(
      `spec.layers.${layer}.mixer (${part.name}): ${why}, so cachePolicy '${name}' cannot evict from it. ${mend}`,
      {
        facts: { layer, mixer: part.name, policy: name },
      },
    );
  };
  if (!decodingOf(part).followsPolicy)
    refuse(
      `its memory grows (${grows[layer]}) and it does not say that it reads it as a policy says`,
      'Let its decoding honour CachePolicy.read and set followsPolicy, take another mixer, or leave cachePolicy out.',
    );
  if (links.some(({ input }) => part.reads?.[input] === 'memory'))
    refuse('it reads the memory of another layer', 'Leave cachePolicy out.');
}

/** The mixer with the policy in every call that has to do with its cache. What a policy refuses in a step tells which layer it was. */
function bound(part: AnyMixer, cache: CachePolicy, layer: number): AnyMixer {
  const { memory, init, step, commit, ...rest } = decodingOf(part);
  const decoding: AnyDecoding = {
    ...rest,
    memory: (site) => memory({ ...site, cache }),
    init: (site) => init({ ...site, cache }),
    step(call) {
      try {
        return step({ ...call, cache });
      } catch (error) {
        if (!isTesseraError(error) || error.code !== 'UNSUPPORTED_OPTION') throw error;
        throw new UnsupportedOptionError(`spec.layers.${layer}.mixer (${part.name}): ${error.message}`, {
          facts: { ...error.facts, layer, mixer: part.name, policy: cache.name },
          cause: error,
        });
      }
    },
    ...(commit && { commit: (call) => commit({ ...call, cache }) }),
  };
  return { ...part, decoding };
}
