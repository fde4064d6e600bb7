import { anything, bool, fields, int, list, number, oneOf, optional, text } from './fields.ts';
import type { Field, FieldsSchema } from './fields.ts';

/** A layer by its full name, with its settings. */
export interface PartSpec {
  /** `npm-package:part`. */
  readonly type: string;
  /** Settings, checked by the part itself. */
  readonly config?: unknown;
}

/** A mixer with the outputs of earlier layers that it reads. */
export interface MixerSpec extends PartSpec {
  /** Name of an input → which earlier layer's output it is. */
  readonly links?: readonly LinkSpec[];
}

/** Output `output` of layer `layer`, read as `input`. */
export interface LinkSpec {
  readonly input: string;
  readonly layer: number;
  readonly output: string;
}

/** One block: norms, mixer, feed-forward and how they join the residual stream. */
export interface LayerSpec {
  readonly mixer?: MixerSpec;
  readonly feedForward?: PartSpec;
  /** Norm before the mixer (pre-norm). */
  readonly mixerNorm?: PartSpec;
  /** Norm of what the mixer gives, before it is added (post- and sandwich norm). */
  readonly mixerOutputNorm?: PartSpec;
  readonly feedForwardNorm?: PartSpec;
  readonly feedForwardOutputNorm?: PartSpec;
  /**
   * `parallel`: mixer and feed-forward both read the block's input. `normed`: one after the other, and what each is added to is not
   * what its norm reads but what it gives. @defaultValue 'sequential'
   */
  readonly residual?: 'sequential' | 'parallel' | 'normed';
  /** Factor of what mixer and feed-forward add. @defaultValue 1 */
  readonly residualMultiplier?: number;
  /** Factors of the residual stream and of what the mixer adds to it. @defaultValue 1 and 1 */
  readonly mixerFactors?: JoinFactors;
  /** The same of the feed-forward. @defaultValue 1 and 1 */
  readonly feedForwardFactors?: JoinFactors;
  /** In training: probability with which an element of what mixer and feed-forward add is left out. @defaultValue 0 */
  readonly residualDropout?: number;
}

/** How what a part gives joins the residual stream: kept · stream + added · part. */
export interface JoinFactors {
  /** @defaultValue 1 */
  readonly kept?: number;
  /** @defaultValue 1 */
  readonly added?: number;
}

/** Parts of a block in the order in which they stand, under the names that they have in a spec. */
export const layerSlots = [
  'mixerNorm',
  'mixer',
  'mixerOutputNorm',
  'feedForwardNorm',
  'feedForward',
  'feedForwardOutputNorm',
] as const;

/** A whole model as plain JSON. */
export interface ModelSpec {
  readonly vocabSize: number;
  /** Width of the residual stream. */
  readonly dModel: number;
  /** Positions that the model was made for: prompt and new tokens together. */
  readonly maxPositions: number;
  readonly embedding?: {
    /** Factor of the token embeddings. @defaultValue 1 */
    readonly multiplier?: number;
    /** Rows of a table of learned positions that is added. Absent: none. */
    readonly positions?: number;
    /** Token whose row of the table has no gradient from being read; a tied output map still has. Absent: none. */
    readonly paddingId?: number;
    /** In training: probability with which an element of what the first layer reads is left out. @defaultValue 0 */
    readonly dropout?: number;
  };
  readonly layers: readonly LayerSpec[];
  /** Norm before the output map. */
  readonly finalNorm?: PartSpec;
  readonly head?: {
    /** The output map is the embedding. @defaultValue false */
    readonly tied?: boolean;
    readonly bias?: boolean;
    /** Factor of the logits. @defaultValue 1 */
    readonly multiplier?: number;
    /** c: logits become c · tanh(logits / c). Absent: as they are. */
    readonly softCap?: number;
  };
}

const part: FieldsSchema<Required<PartSpec>> = fields<PartSpec>({ type: text(), config: anything() });

const joinFactors = optional(
  fields<JoinFactors>({ kept: number({ default: 1 }), added: number({ default: 1 }) }),
) as Field<JoinFactors | undefined>;

const layer: FieldsSchema<Required<LayerSpec>> = fields<LayerSpec>({
  mixer: optional(
    fields<MixerSpec>({
      type: text(),
      config: anything(),
      links: optional(list(fields<LinkSpec>({ input: text(), layer: int({ min: 0 }), output: text() }))),
    }) as Field<MixerSpec>,
  ),
  feedForward: optional(part),
  mixerNorm: optional(part),
  mixerOutputNorm: optional(part),
  feedForwardNorm: optional(part),
  feedForwardOutputNorm: optional(part),
  residual: oneOf(['sequential', 'parallel', 'normed'], { default: 'sequential' }),
  residualMultiplier: number({ default: 1 }),
  mixerFactors: joinFactors,
  feedForwardFactors: joinFactors,
  residualDropout: number({ min: 0, max: 1, default: 0 }),
});

/** Schema of {@link ModelSpec}; `modelSpecSchema.jsonSchema` is it as JSON Schema. */
export const modelSpecSchema: FieldsSchema<Required<ModelSpec>> = fields<ModelSpec>({
  vocabSize: int({ min: 1 }),
  dModel: int({ min: 1 }),
  maxPositions: int({ min: 1 }),
  embedding: optional(
    fields<NonNullable<ModelSpec['embedding']>>({
      multiplier: number({ default: 1 }),
      positions: optional(int({ min: 1 })),
      paddingId: optional(int({ min: 0 })),
      dropout: number({ min: 0, max: 1, default: 0 }),
    }),
  ) as Field<ModelSpec['embedding']>,
  layers: list(layer) as unknown as Field<readonly LayerSpec[]>,
  finalNorm: optional(part),
  head: optional(
    fields<NonNullable<ModelSpec['head']>>({
      tied: bool({ default: false }),
      bias: bool({ default: false }),
      multiplier: number({ default: 1 }),
      softCap: optional(number({ min: 0 })),
    }),
  ) as Field<ModelSpec['head']>,
});
