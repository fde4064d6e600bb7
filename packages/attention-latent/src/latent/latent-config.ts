import type { RotaryConfig } from '@tessera/head-projections';
import { checkRotary, rotaryConfig } from '@tessera/head-projections';
import { bool, fields, int, number, optional, settingError } from '@tessera/plugin';
import type { Field } from '@tessera/plugin';

/** Settings of multi-head latent attention. */
export interface LatentAttentionConfig {
  /** Query heads. */
  readonly heads: number;
  /** d_n: width of the part of a key that comes of the latent. @defaultValue dModel / heads */
  readonly headDim?: number;
  /** d_v: width of a value. @defaultValue headDim */
  readonly valueDim?: number;
  /** R: width of the key that all heads share, which is the part that turns; even. @defaultValue headDim / 2 */
  readonly rotaryDim?: number;
  /** d_c: width of a latent. @defaultValue 4 · headDim, and 2 · headDim where there are several */
  readonly latentDim?: number;
  /** Rank of the queries. @defaultValue none: queries are projected at once */
  readonly queryRank?: number;
  /** @defaultValue none: nothing turns, and the shared key is one more part of the keys */
  readonly rotary?: RotaryConfig;
  /** Factor of the dot products. @defaultValue (headDim + rotaryDim)^−½ */
  readonly scale?: number;
  /** Of the norms of latents and low-rank queries. @defaultValue 1e-6 */
  readonly normEps?: number;
  /** Biases of the maps down to latents, shared key and the rank of queries. @defaultValue false */
  readonly downBias?: boolean;
  /** Biases of the maps up to queries, keys and values. @defaultValue false */
  readonly upBias?: boolean;
  /** Bias of the output map. @defaultValue false */
  readonly outputBias?: boolean;
  /** A position sees others at a distance below this. @defaultValue no limit */
  readonly window?: number;
  /** In training: probability with which a weight of attention is left out. All weights are then in memory. @defaultValue 0 */
  readonly dropout?: number;
  /** Slots of a page of the cache. @defaultValue none: the cache of a row is one run of slots */
  readonly pageSize?: number;
  /**
   * Steps of up to so many positions attend to the latents themselves (absorbed form); longer ones make keys and values of the whole
   * cache first, as whole sequences always do (materialised form). 0: always the latter. @defaultValue 128
   */
  readonly absorbUpTo?: number;
}

/** Settings of grouped latent attention. */
export interface GroupedLatentAttentionConfig extends LatentAttentionConfig {
  /** h_c: latents, each of which a group of heads reads; a divisor of heads. @defaultValue 2 */
  readonly latentHeads?: number;
}

const shared: { readonly [K in keyof LatentAttentionConfig]-?: Field<LatentAttentionConfig[K]> } = {
  heads: int({ min: 1 }),
  headDim: optional(int({ min: 1 })),
  valueDim: optional(int({ min: 1 })),
  rotaryDim: optional(int({ min: 0 })),
  latentDim: optional(int({ min: 1 })),
  queryRank: optional(int({ min: 1 })),
  rotary: optional(rotaryConfig) as Field<RotaryConfig | undefined>,
  scale: optional(number()),
  normEps: number({ min: 0, default: 1e-6 }),
  downBias: bool({ default: false }),
  upBias: bool({ default: false }),
  outputBias: bool({ default: false }),
  window: optional(int({ min: 1 })),
  dropout: number({ min: 0, max: 1, default: 0 }),
  pageSize: optional(int({ min: 1 })),
  absorbUpTo: int({ min: 0, default: 128 }),
};

/** Schema of {@link LatentAttentionConfig}. */
export const latentAttentionConfig = fields<LatentAttentionConfig>(shared as never) as ReturnType<
  typeof fields<LatentAttentionConfig>
>;

/** Schema of {@link GroupedLatentAttentionConfig}. */
export const groupedLatentAttentionConfig = fields<GroupedLatentAttentionConfig>({
  ...shared,
  latentHeads: int({ min: 1, default: 2 }),
} as never) as ReturnType<typeof fields<GroupedLatentAttentionConfig>>;

/** Either config as it is read. */
export type AnyLatentConfig = Required<LatentAttentionConfig> & { readonly latentHeads?: number };

/** Sizes that follow from a config and the width of the model. */
export interface LatentSizes {
  readonly heads: number;
  readonly latentHeads: number;
  readonly latentDim: number;
  readonly headDim: number;
  readonly valueDim: number;
  readonly rotaryDim: number;
  readonly queryRank: number | undefined;
  readonly scale: number;
}

/**
 * Sizes that follow from a config and the width of the model.
 * @throws InvalidSpecError for sizes that do not fit each other
 */
export function latentSizes(config: AnyLatentConfig, dModel: number): LatentSizes {
  const given = config as Partial<AnyLatentConfig> & Pick<AnyLatentConfig, 'heads'>;
  const { heads, latentHeads = 1, queryRank } = given;
  const headDim = given.headDim ?? shareOf(dModel, heads);
  if (heads % latentHeads !== 0)
    throw settingError(
      'latentHeads',
      `is ${latentHeads}, and ${heads} heads do not divide into ${latentHeads} latentHeads. Set latentHeads to a divisor of heads`,
      { heads, latentHeads },
    );
  const rotaryDim = given.rotaryDim ?? headDim / 2;
  checkSharedKey(given.rotary, rotaryDim);
  return {
    heads,
    latentHeads,
    latentDim: given.latentDim ?? (given.latentHeads === undefined ? 4 : 2) * headDim,
    headDim,
    valueDim: given.valueDim ?? headDim,
    rotaryDim,
    queryRank,
    scale: given.scale ?? (headDim + rotaryDim) ** -0.5,
  };
}

/** The share of a head in the width of the model. */
export function shareOf(dModel: number, heads: number): number {
  if (dModel % heads === 0) return dModel / heads;
  throw settingError('heads', `is ${heads}, and dModel ${dModel} does not divide into ${heads} heads. Set headDim`, {
    dModel,
    heads,
  });
}

/** Refuses a shared key that has no pairs, rotary positions that do not fit it, and those that nothing reads. */
export function checkSharedKey(rotary: RotaryConfig | undefined, rotaryDim: number): void {
  if (rotaryDim % 2 !== 0)
    throw settingError('rotaryDim', `is ${rotaryDim}, expected an even number: pairs of elements turn. Set rotaryDim`, {
      rotaryDim,
    });
  if (rotary && rotaryDim === 0)
    throw settingError('rotary', 'is given, and with rotaryDim: 0 there is no shared key to turn. Leave it out');
  checkRotary(rotary, { setting: 'rotaryDim', width: rotaryDim });
}
