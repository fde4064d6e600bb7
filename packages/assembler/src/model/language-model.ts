import { dropout, linear, linearCrossEntropy } from '@tessera/ops';
import type { Call, Decoding, Links, ParamSpec, SequenceMixer, Site, StateSize } from '@tessera/plugin';
import { constant, decodingOf, normal } from '@tessera/plugin';
import {
  add,
  at,
  cast,
  div,
  expandDims,
  fromHost,
  gather,
  iota,
  mul,
  randomBits,
  sub,
  tanh,
  trace,
  zeros,
} from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import type { ResolvedModel } from '../stack/resolve.ts';
import { stackMixer } from '../stack/stack-mixer.ts';
import type { StackState } from '../stack/stack-mixer.ts';
import type { StackParams } from '../stack/stack-params.ts';
import { tokenEmbedding } from './token-embedding.ts';

/** Learned tensors of a model by path: `embedding.weight`, `layers.0.mixer.q_proj`, `finalNorm.weight`, `head.weight`. */
export type ModelParams = Readonly<Record<string, Tensor>>;

/** Token ids with what places them, all on the device, and how they are read. */
export interface TokenBatch {
  /** `[B, n]`, i32 */
  readonly tokens: Tensor;
  /** `[B]`, i32 */
  readonly starts: Tensor;
  /** `[B]`, i32 */
  readonly lengths: Tensor;
  /** `[B, n]`, i32; absent: numbered from 0 at each row's start. */
  readonly positions?: Tensor;
  /** Document of each token of packed rows, `[B, n]`, i32. */
  readonly segments?: Tensor;
  /** Key of random numbers, `[2]`, u32; only in training. */
  readonly random?: Tensor;
  readonly training?: boolean;
}

/** Tokens of a step. */
export interface StepBatch extends TokenBatch {
  /** Parent of each token of a tree, `[B, n]`, i32, −1 for the last token before the step; absent: a chain. */
  readonly parents?: Tensor;
  /** How many tokens of the tree stand before each on its path, `[B, n]`, i32; with {@link StepBatch.parents}. */
  readonly depths?: Tensor;
  /** True: a commit in order follows, recorded with the step, see `StepCall.draft` of the contract. */
  readonly draft?: boolean | undefined;
}

/** Steps of which only a path stays. */
export interface DraftedSteps {
  /** The state before them. */
  readonly snapshot: ModelState;
  /** The state after them. */
  readonly state: ModelState;
  /** What they read and gave, from each of them, as if they had been one step. */
  readonly links: Links;
  /** Positions that they were given, `[B, n]`, i32. */
  readonly positions: Tensor;
  /** Entries that stay, in order, `[B, depth]`, i32. */
  readonly path: Tensor;
  /** How many of them, `[B]`, i32. */
  readonly count: Tensor;
  /** True: of a chain the first entries stay, as `path` says, too; known when the commit is recorded. @defaultValue false */
  readonly inOrder?: boolean | undefined;
  /** True: none stays, as `count` says, too; known when the commit is recorded. @defaultValue false */
  readonly nothing?: boolean | undefined;
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

  /** @throws {@link InvalidSpecError} naming a link to an output that its layer does not give */
  constructor(resolved: ResolvedModel) {
    this.resolved = resolved;
    this.stack = stackMixer(resolved.layers);
    if (resolved.layers.some(({ mixer }) => mixer && mixer.links.length > 0)) this.#tryLinks();
  }

  /** Shapes and initial values of every learned tensor. */
  params(): Record<string, ParamSpec> {
    const { spec, finalNorm } = this.resolved;
    const { vocabSize: V, dModel: D } = spec;
    const stack = this.stack.params(this.#site) as Record<string, ParamSpec>;
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

  /** Path of the matrix that logits are made with, `[V, D]`: with tied weights that of the embedding. */
  get outputMatrix(): string {
    return this.resolved.spec.head?.tied ? 'embedding.weight' : 'head.weight';
  }

  /** Logits of whole sequences, `[B, T, V]`, and the residual stream before each layer (`N.x`) as links. */
  forward(params: ModelParams, batch: TokenBatch): { logits: Tensor; links: Links; aux?: Tensor } {
    const { hidden, ...made } = this.hidden(params, batch);
    return { logits: this.output(params, hidden), ...made };
  }

  /** What the output matrix reads of whole sequences, after the final norm, `[B, T, D]`; links as {@link LanguageModelGraph.forward}. */
  hidden(params: ModelParams, batch: TokenBatch): { hidden: Tensor; links: Links; aux?: Tensor } {
    const { y, links, aux } = this.stack.forward(this.#stackCall(params, batch, positionsFrom(batch)));
    return { hidden: this.#normed(params, y), links: links!, ...(aux && { aux }) };
  }

  /** Logits of what {@link LanguageModelGraph.hidden} gives, `[…, D]` → `[…, V]`. */
  output(params: ModelParams, hidden: Tensor): Tensor {
    return this.#finished(linear(hidden, params[this.outputMatrix]!, params['head.bias']));
  }

  /** Negative log-likelihood of each target by what {@link LanguageModelGraph.hidden} gives, in nats, `[…]`. */
  outputLoss(params: ModelParams, hidden: Tensor, targets: Tensor): Tensor {
    return linearCrossEntropy({
      x: hidden,
      weight: params[this.outputMatrix]!,
      bias: params['head.bias'],
      targets,
      finish: (logits) => this.#finished(logits),
    });
  }

  /**
   * Negative log-likelihood of each target, `[B, T]`, in nats; logits of all positions are never there together. With the
   * residual stream before each layer (`N.x`) as links.
   * @param targets - `[B, T]`, i32: the token that follows each
   */
  loss(params: ModelParams, batch: TokenBatch, targets: Tensor): { loss: Tensor; links: Links; aux?: Tensor } {
    const { hidden, ...made } = this.hidden(params, batch);
    return { loss: this.outputLoss(params, hidden, targets), ...made };
  }

  /** The state before the first token. */
  init(params: ModelParams, size: StateSize): ModelState {
    const stack = this.#decoding.init({ ...size, ...this.#site, params: stackParamsOf(params) });
    return { position: zeros([size.batch], 'i32'), stack };
  }

  /** Bytes of {@link LanguageModelGraph.init}. */
  stateBytes(size: StateSize): number {
    return this.#decoding.memory({ ...size, ...this.#site }).bytes + 4 * size.batch;
  }

  /**
   * One step over n ≥ 1 tokens a row.
   * @returns logits of the last token that counts `[B, 1, V]`, or of all `[B, n, V]`, and what the output matrix read for them;
   *   positions of all
   */
  step(
    params: ModelParams,
    { depths, ...batch }: StepBatch,
    { position, stack }: ModelState,
    logitsOf: 'last' | 'all',
  ): { logits: Tensor; hidden: Tensor; state: ModelState; links: Links; positions: Tensor } {
    const next = add(expandDims(position, 1), depths ?? positionsFrom(batch));
    const made = this.#decoding.step({ ...this.#stackCall(params, batch, next), state: stack });
    const last = sub(add(batch.starts, batch.lengths), 1);
    const whole = logitsOf === 'all' || batch.tokens.shape[1] === 1;
    const rows = whole ? made.y : gather(made.y, expandDims(last, 1), { batchDims: 1 });
    const hidden = this.#normed(params, rows);
    return {
      logits: this.output(params, hidden),
      hidden,
      state: { position: add(position, batch.lengths), stack: made.state },
      links: made.links!,
      positions: next,
    };
  }

  /** Keeps of the last steps only the entries on a path. */
  commit(params: ModelParams, { snapshot, state, links, ...drafted }: DraftedSteps): ModelState {
    const { positions, count } = drafted;
    const stack = this.#decoding.commit!({
      ...drafted,
      params: stackParamsOf(params),
      config: {},
      snapshot: snapshot.stack,
      state: state.stack,
      inputs: positions, // layers find their own among the links
      starts: zeros([positions.shape[0]!], 'i32'),
      outputs: links,
    });
    return { position: add(snapshot.position, count), stack };
  }

  get #site(): Site<object> {
    const { dModel, layers } = this.resolved.spec;
    return { config: {}, dModel, layer: 0, layers: layers.length };
  }

  /** @throws {@link FeatureUnavailableError} for an encoder */
  get #decoding(): Decoding<object, StackParams, StackState> {
    decodingOf(this.stack);
    return this.stack.decoding!;
  }

  /** What layers give to each other shows only when they are run: records one position, and forgets it. */
  #tryLinks(): void {
    const params = Object.entries(this.params());
    trace(
      (...values) => {
        const named = Object.fromEntries(params.map(([path], index) => [path, values[index]!]));
        const one = fromHost(Int32Array.of(1), [1]);
        const zero = zeros([1], 'i32');
        return [this.forward(named, { tokens: zeros([1, 1], 'i32'), starts: zero, lengths: one }).logits];
      },
      params.map(([, { shape }]) => ({ shape, dtype: 'f32' })),
    );
  }

  #stackCall(params: ModelParams, batch: Omit<StepBatch, 'depths'>, numbered: Tensor): Call<object, StackParams> {
    const { tokens, positions = numbered, ...rest } = batch;
    const x = this.#dropped(this.#embed(params, tokens, positions), batch);
    return { ...rest, params: stackParamsOf(params), config: {}, x, positions };
  }

  /** What the first layer reads, in training without some elements. */
  #dropped(x: Tensor, { random, training }: TokenBatch): Tensor {
    const { embedding, layers } = this.resolved.spec;
    const probability = embedding?.dropout ?? 0;
    if (!training || !random || probability === 0) return x;
    // The stack draws no more than four keys a layer.
    const own = 4 * layers.length;
    return dropout(x, { probability, key: at(randomBits(random, [own + 1, 2]), 0, own) });
  }

  #embed(params: ModelParams, tokens: Tensor, positions: Tensor): Tensor {
    const { embedding } = this.resolved.spec;
    const table = params['embedding.weight']!;
    let x = cast(tokenEmbedding(table, tokens, embedding?.paddingId), 'f32');
    if (embedding?.multiplier !== undefined && embedding.multiplier !== 1) x = mul(x, embedding.multiplier);
    const learned = params['embedding.positions'];
    return learned ? add(x, cast(gather(learned, positions), 'f32')) : x;
  }

  #normed(params: ModelParams, x: Tensor): Tensor {
    const { finalNorm } = this.resolved;
    return finalNorm
      ? finalNorm.part.forward({ params: subtree(params, 'finalNorm.'), config: finalNorm.config, x })
      : x;
  }

  #finished(logits: Tensor): Tensor {
    const { multiplier = 1, softCap } = this.resolved.spec.head ?? {};
    const scaled = multiplier === 1 ? logits : mul(logits, multiplier);
    return softCap ? mul(tanh(div(scaled, softCap)), softCap) : scaled;
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
