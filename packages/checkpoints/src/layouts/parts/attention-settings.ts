/** Rotary settings of an attention in a spec. */
export interface RotarySettings {
  readonly theta: number;
  readonly dims?: number;
  readonly scaling?: Readonly<Record<string, unknown>>;
  readonly attentionFactor?: number;
}

/** Settings of an attention in a spec. */
export interface AttentionSettings {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly qkvBias?: boolean;
  readonly outputBias?: boolean;
  readonly qkNorm?: { readonly over: 'head' | 'full'; readonly eps: number; readonly offset?: number };
  readonly rotary?: RotarySettings | undefined;
  /** Each element of what the heads give is multiplied by a gate, whose rows are published behind those of each head's queries. */
  readonly outputGate?: boolean;
  readonly scale?: number;
  readonly window?: number | undefined;
  /** Of the weights, in training. */
  readonly dropout?: number | undefined;
}

/** Sizes of heads. */
export type HeadSizes = Pick<AttentionSettings, 'heads' | 'kvHeads' | 'headDim'>;

/** A record without the keys that are undefined or false, as a spec holds it. */
export function compact(settings: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined && value !== false));
}
