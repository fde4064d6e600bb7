import type {
  AnyFeedForward,
  AnyMixer,
  AnyNorm,
  CachePolicy,
  JoinFactors,
  LayerSpec,
  LinkSpec,
  ModelSpec,
  ParamSpec,
  PartSpec,
} from '@tessera/plugin';
import { modelSpecSchema, validate } from '@tessera/plugin';
import { InvalidSpecError, isTesseraError } from '@tessera/tensor-core';
import type { Registry } from '../registry.ts';

/** A part with its checked settings. */
export interface Resolved<Part> {
  readonly part: Part;
  readonly config: object;
  /** Learned tensors of this part. */
  readonly params: Readonly<Record<string, ParamSpec>>;
}

/** A layer whose parts are known. */
export interface ResolvedLayer {
  readonly mixer: (Resolved<AnyMixer> & { readonly links: readonly LinkSpec[] }) | undefined;
  readonly feedForward: Resolved<AnyFeedForward> | undefined;
  readonly mixerNorm: Resolved<AnyNorm> | undefined;
  readonly mixerOutputNorm: Resolved<AnyNorm> | undefined;
  readonly feedForwardNorm: Resolved<AnyNorm> | undefined;
  readonly feedForwardOutputNorm: Resolved<AnyNorm> | undefined;
  readonly residual: 'sequential' | 'parallel' | 'normed';
  /** Factors of the stream and of what the mixer and the feed-forward add to it. */
  readonly factors: readonly [mixer: Required<JoinFactors>, feedForward: Required<JoinFactors>];
  /** In training, of what mixer and feed-forward add. */
  readonly residualDropout: number;
}

/** A model spec whose parts are known. */
export interface ResolvedModel {
  readonly spec: ModelSpec;
  readonly layers: readonly ResolvedLayer[];
  readonly finalNorm: Resolved<AnyNorm> | undefined;
  /** What growing caches are read under. Absent: they grow. */
  readonly cachePolicy?: CachePolicy;
}

/**
 * Checks a spec and finds its parts.
 * @throws {@link InvalidSpecError} naming the path of what is wrong
 * @throws {@link PluginError} naming the package of a part that is not registered
 */
export function resolveSpec(given: unknown, registry: Registry): ResolvedModel {
  const spec = validate(modelSpecSchema, given, 'spec') as ModelSpec;
  const learned = spec.embedding?.positions;
  if (learned !== undefined && learned < spec.maxPositions)
    throw new InvalidSpecError(
      `spec.embedding.positions is ${learned}, expected at least maxPositions = ${spec.maxPositions}: each position needs a row.`,
      { facts: { positions: learned, maxPositions: spec.maxPositions } },
    );
  const site = { dModel: spec.dModel, layers: spec.layers.length };
  return {
    spec,
    layers: spec.layers.map((layer, index) => resolveLayer(layer, index, site, registry)),
    finalNorm: resolvePart(spec.finalNorm, 'spec.finalNorm', (name, where) => registry.norm(name, where), {
      ...site,
      layer: site.layers,
    }),
  };
}

function resolveLayer(
  layer: LayerSpec,
  index: number,
  site: { dModel: number; layers: number },
  registry: Registry,
): ResolvedLayer {
  const at = `spec.layers.${index}`;
  const here = { ...site, layer: index };
  const norm = (part: PartSpec | undefined, name: string): Resolved<AnyNorm> | undefined =>
    resolvePart(part, `${at}.${name}`, (type, where) => registry.norm(type, where), here);
  const mixer = resolvePart(layer.mixer, `${at}.mixer`, (type, where) => registry.mixer(type, where), here);
  const links = layer.mixer?.links ?? [];
  if (mixer) checkLinks(links, mixer.part, index, `${at}.mixer`);
  return {
    mixer: mixer && { ...mixer, links },
    feedForward: resolvePart(
      layer.feedForward,
      `${at}.feedForward`,
      (type, where) => registry.feedForward(type, where),
      here,
    ),
    mixerNorm: norm(layer.mixerNorm, 'mixerNorm'),
    mixerOutputNorm: norm(layer.mixerOutputNorm, 'mixerOutputNorm'),
    feedForwardNorm: norm(layer.feedForwardNorm, 'feedForwardNorm'),
    feedForwardOutputNorm: norm(layer.feedForwardOutputNorm, 'feedForwardOutputNorm'),
    residual: layer.residual ?? 'sequential',
    factors: [joinFactors(layer, layer.mixerFactors), joinFactors(layer, layer.feedForwardFactors)],
    residualDropout: layer.residualDropout ?? 0,
  };
}

function joinFactors({ residualMultiplier = 1 }: LayerSpec, own: JoinFactors = {}): Required<JoinFactors> {
  return { kept: own.kept ?? 1, added: residualMultiplier * (own.added ?? 1) };
}

/** Links go from earlier layers to later ones, and each is one that the mixer reads. */
function checkLinks(links: readonly LinkSpec[], { name, reads = {} }: AnyMixer, layer: number, where: string): void {
  const refuse = (message: string, facts: object): never => {
    throw new InvalidSpecError(`${where}${message}`, { facts: { layer, ...facts } });
  };
  for (const link of links) {
    if (link.layer >= layer)
      refuse(
        `.links: '${link.input}' reads layer ${link.layer}, which is not an earlier one. Links go from earlier layers to later ones.`,
        { link },
      );
    if (!Object.hasOwn(reads, link.input))
      refuse(
        `.links: ${name} does not read '${link.input}'; it reads ${Object.keys(reads).join(', ') || 'nothing of other layers'}.`,
        { link },
      );
  }
  for (const input of Object.keys(reads)) {
    const found = links.filter((link) => link.input === input).length;
    if (found === 0)
      refuse(`: ${name} reads '${input}' of an earlier layer. Add { input: '${input}', layer, output } to its links.`, {
        input,
      });
    if (found > 1) refuse(`.links: '${input}' is given ${found} times. Give it once.`, { input });
  }
}

type AnyPart = AnyMixer | AnyFeedForward | AnyNorm;

function resolvePart<P extends AnyPart>(
  spec: PartSpec | undefined,
  where: string,
  find: (name: string, where: string) => P,
  site: { dModel: number; layers: number; layer: number },
): Resolved<P> | undefined {
  if (!spec) return undefined;
  const part = find(spec.type, where);
  const config = validate(part.config, spec.config ?? {}, `${where}.config`) as object;
  try {
    return { part, config, params: part.params({ ...site, config }) as Record<string, ParamSpec> };
  } catch (cause) {
    // A part knows its settings, not where it stands.
    if (!isTesseraError(cause)) throw cause;
    const at = typeof cause.facts['setting'] === 'string' ? `${where}.config.` : `${where}: `;
    throw new InvalidSpecError(at + cause.message, { cause, facts: { where, ...cause.facts } });
  }
}
