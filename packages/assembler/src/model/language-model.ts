import { linear } from '@tessera/ops';
import type { Links, ParamSpec, SequenceMixer } from '@tessera/plugin';
import { constant, normal, runStep } from '@tessera/plugin';
import { add, cast, div, expandDims, gather, iota, mul, sub, tanh, zeros } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import type { ResolvedModel } from '../stack/resolve.ts';
import type { StackParams, StackState } from '../stack/stack-mixer.ts';
import { stackMixer } from '../stack/stack-mixer.ts';

/** Learned tensors of a model by path: `embedding.weight`, `layers.0.mixer.q_proj`, `finalNorm.weight`, `head.weight`. */
export type ModelParams = Readonly<Record<string, Tensor>>;

/** Token ids with what places them, all on the device. */
export interface TokenBatch {
  /** `[B, n]`, i32 */
  readonly tokens: Tensor;
  /** `[B]`, i32 */
  readonly starts: Tensor;
  /** `[B]`, i32 */
  readonly lengths: Tensor;
  /** `[B, n]`, i32; absent: numbered from 0 at each row's start. */
  readonly positions?: Tensor;
  readonly segments?: Tensor;
}

/** What a model remembers. */
export interface ModelState {
  /** Position of the next token of each row, `[B]`, i32. */
  readonly position: Tensor;
  readonly stack: StackState;
}

const stackPrefix = 'layers.';

/** The graph of a language model: embedding, stack, norm, output map. Pure functions of parameters and tokens. */
export class LanguageModelGraph {
  readonly resolved: ResolvedModel;
  readonly stack: SequenceMixer<object, StackParams, StackState>;

  constructor(resolved: ResolvedModel) {
    this.resolved = resolved;
    this.stack = stackMixer(resolved.layers);
  }

  /** Shapes and initial values of every learned tensor. */
  params(): Record<string, ParamSpec> {
    const { spec, finalNorm } = this.resolved;
    const { vocabSize: V, dModel: D, layers } = spec;
    const stack = this.stack.params({ config: {}, dModel: D, layer: 0, layers: layers.length }) as Record<
      string,
      ParamSpec
    >;
    return {
      'embedding.weight': { shape: [V, D], init: normal(spec.head?.tied ? D ** -0.5 : 1) },
      ...(spec.embedding?.positions !== undefined && {
        'embedding.positions': { shape: [spec.embedding.positions, D], init: normal(0.02) },
      }),
      ...Object.fromEntries(Object.entries(stack).map(([key, param]) => [stackPrefix + key, param])),
      ...Object.fromEntries(Object.entries(finalNorm?.params ?? {}).map(([key, param]) => [`finalNorm.${key}`, param])),
      ...(!spec.head?.tied && { 'head.weight': { shape: [V, D], init: normal(D ** -0.5) } }),
      ...(spec.head?.bias && { 'head.bias': { shape: [V], init: constant(0) } }),
    };
  }

  /** Logits of whole sequences, `[B, T, V]`, and the residual stream before each layer (`N.x`) as links. */
  forward(params: ModelParams, batch: TokenBatch): { logits: Tensor; links: Links; aux?: Tensor } {
    const positions = batch.positions ?? positionsFrom(batch);
    const { y, links, aux } = this.stack.forward({
      ...batch,
      params: stackParamsOf(params),
      config: {},
      x: this.#embed(params, batch.tokens, positions),
      positions,
    });
    return { logits: this.#head(params, y), links: links!, ...(aux && { aux }) };
  }

  /** The state before the first token. */
  init(params: ModelParams, size: { batch: number; capacity: number; chunk: number }): ModelState {
    const { dModel, layers } = this.resolved.spec;
    const stack = this.stack.decoding!.init({
      ...size,
      config: {},
      dModel,
      layer: 0,
      layers: layers.length,
      params: stackParamsOf(params),
    });
    return { position: zeros([size.batch], 'i32'), stack };
  }

  /** Bytes of {@link LanguageModelGraph.init}. */
  stateBytes(size: { batch: number; capacity: number; chunk: number }): number {
    const { dModel, layers } = this.resolved.spec;
    return (
      this.stack.decoding!.memory({ ...size, config: {}, dModel, layer: 0, layers: layers.length }).bytes +
      4 * size.batch
    );
  }

  /**
   * One step over n ≥ 1 tokens a row.
   * @returns logits of the last token that counts `[B, 1, V]`, or of all `[B, n, V]`
   */
  step(
    params: ModelParams,
    batch: TokenBatch,
    state: ModelState,
    logitsOf: 'last' | 'all',
  ): { logits: Tensor; state: ModelState; links: Links } {
    const positions = batch.positions ?? add(expandDims(state.position, 1), positionsFrom(batch));
    const {
      y,
      state: stack,
      links,
    } = runStep(this.stack as never, {
      ...batch,
      params: stackParamsOf(params),
      config: {},
      x: this.#embed(params, batch.tokens, positions),
      positions,
      state: state.stack as never,
    });
    const last = sub(add(batch.starts, batch.lengths), 1);
    const rows = logitsOf === 'all' ? y : gather(y, expandDims(last, 1), { batchDims: 1 });
    return {
      logits: this.#head(params, rows),
      state: { position: add(state.position, batch.lengths), stack: stack as unknown as StackState },
      links: links!,
    };
  }

  #embed(params: ModelParams, tokens: Tensor, positions: Tensor): Tensor {
    const { embedding } = this.resolved.spec;
    const table = params['embedding.weight']!;
    let x = cast(gather(table, tokens), 'f32');
    if (embedding?.multiplier !== undefined && embedding.multiplier !== 1) x = mul(x, embedding.multiplier);
    const learned = params['embedding.positions'];
    return learned ? add(x, cast(gather(learned, positions), 'f32')) : x;
  }

  #head(params: ModelParams, x: Tensor): Tensor {
    const { spec, finalNorm } = this.resolved;
    const normed = finalNorm
      ? finalNorm.part.forward({ params: subtree(params, 'finalNorm.'), config: finalNorm.config, x })
      : x;
    const weight = params[spec.head?.tied ? 'embedding.weight' : 'head.weight']!;
    let logits = linear(normed, weight, params['head.bias']);
    const { multiplier = 1, softCap } = spec.head ?? {};
    if (multiplier !== 1) logits = mul(logits, multiplier);
    return softCap ? mul(tanh(div(logits, softCap)), softCap) : logits;
  }
}

/** 0, 1, 2 … from each row's start. */
function positionsFrom({ tokens, starts }: TokenBatch): Tensor {
  return sub(iota(tokens.shape, 1), expandDims(starts, 1));
}

function subtree(params: ModelParams, prefix: string): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(params).flatMap(([path, value]) =>
      path.startsWith(prefix) ? [[path.slice(prefix.length), value]] : [],
    ),
  );
}

function stackParamsOf(params: ModelParams): StackParams {
  return subtree(params, stackPrefix);
}
