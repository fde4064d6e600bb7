import type { ConfigReader } from '../../config-reader.ts';

/** Sizes of a mixer whose key and value widths are shares of the model's. */
export interface ExpandedHeads {
  readonly heads: number;
  readonly kvHeads: number;
  readonly keyDim: number;
  readonly valueDim: number;
}

/** `num_heads`, `num_kv_heads`, and the sizes of heads that follow from `expand_k` and `expand_v`. */
export function readExpandedHeads(
  reader: ConfigReader,
  dModel: number,
  defaults: { readonly heads: number; readonly expandK: number; readonly expandV: number },
): ExpandedHeads {
  const heads = reader.int('num_heads', defaults.heads, { max: 65_536 });
  const kvHeads = reader.optionalInt('num_kv_heads', { max: 65_536 }) ?? heads;
  if (heads % kvHeads !== 0) throw reader.wrong('num_kv_heads', `a divisor of num_heads = ${heads}, not ${kvHeads}`);
  const share = (key: string, fallback: number): number => {
    const width = Math.trunc(dModel * reader.number(key, fallback, { min: 0, above: true, max: 1024 }));
    if (width < 1 || width % heads !== 0)
      throw reader.wrong(key, `a factor that makes a multiple of the ${heads} heads of hidden_size, not ${width}`);
    return width / heads;
  };
  return { heads, kvHeads, keyDim: share('expand_k', defaults.expandK), valueDim: share('expand_v', defaults.expandV) };
}

/** Sizes of a mixer whose heads have a size of their own. */
export interface SizedHeads {
  readonly keyHeads: number;
  readonly valueHeads: number;
  readonly keyDim: number;
  readonly valueDim: number;
}

/** `num_heads`, `head_dim`, and the size of values that follows from `expand_v`; `num_v_heads` where the family has it. */
export function readSizedHeads(
  reader: ConfigReader,
  defaults: { readonly heads: number; readonly headDim: number; readonly expandV: number },
  { valueHeads: grouped }: { readonly valueHeads: boolean },
): SizedHeads {
  const keyHeads = reader.int('num_heads', defaults.heads, { max: 65_536 });
  const keyDim = reader.int('head_dim', defaults.headDim, { max: 65_536 });
  const exact = keyDim * reader.number('expand_v', defaults.expandV, { min: 0, above: true, max: 1024 });
  const valueDim = Math.trunc(exact);
  if (valueDim < 1 || Math.abs(exact - valueDim) > 1e-5 * exact)
    throw reader.wrong('expand_v', `a factor that makes a whole number of head_dim = ${keyDim}, not ${exact}`);
  const valueHeads = (grouped ? reader.optionalInt('num_v_heads', { max: 65_536 }) : undefined) ?? keyHeads;
  if (valueHeads % keyHeads !== 0)
    throw reader.wrong('num_v_heads', `a multiple of num_heads = ${keyHeads}, not ${valueHeads}`);
  return { keyHeads, valueHeads, keyDim, valueDim };
}

/** Taps of the short convolutions, 0 without them. Their kernels are not shared between queries, keys and values. */
export function readTaps(reader: ConfigReader, used: boolean): number {
  const on = reader.bool('use_short_conv', used);
  const taps = reader.int('conv_size', 4, { max: 256 });
  if (on) reader.neutral('share_conv_kernel', false, null);
  else reader.inert(['share_conv_kernel']);
  return on ? taps : 0;
}
