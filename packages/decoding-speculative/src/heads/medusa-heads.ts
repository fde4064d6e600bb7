import type { Model, ModelParams, SaveOptions } from '@tessera/assembler';
import type { FileSink } from '@tessera/checkpoints';
import { directorySink } from '@tessera/checkpoints';
import type { Program, Tensor } from '@tessera/tensor-core';
import {
  FeatureUnavailableError,
  ShapeError,
  argmax,
  disposeTree,
  sameShape,
  showShape,
  stack,
  trace,
} from '@tessera/tensor-core';
import type { HeadTensors } from './head-output.ts';
import { headHidden, outputParams } from './head-output.ts';
import type { MedusaHeadsConfig } from './heads-config.ts';
import type { HeadsLoss, HeadsLossCall } from './heads-loss.ts';
import { headsLoss } from './heads-loss.ts';
import { writeHeads } from './write-heads.ts';

/** How heads are saved. */
export interface SaveHeadsOptions {
  /** In place of their own tensors: what a trainer made of them. @defaultValue their own */
  readonly trained?: HeadTensors | undefined;
  /** Element type in the file. @defaultValue 'fp32' */
  readonly dtype?: SaveOptions['dtype'];
  readonly signal?: AbortSignal | undefined;
}

/** What {@link MedusaHeads} are made of. */
export interface MedusaHeadsParts {
  readonly model: Model;
  readonly config: MedusaHeadsConfig;
  /** f32, on the device of the model. */
  readonly tensors: HeadTensors;
}

/**
 * Small networks that guess from the last hidden state of a model what comes after the next token, head k the token k + 1 places after
 * it: h_k = h + SiLU(h W_k + b_k), logits_k = h_k U_k. W and b are 0 at first, U_k is the model's output matrix or begins as a copy.
 *
 * A trainer takes them as its `adapter`: the model stays as it is. Made by {@link createMedusaHeads} and {@link loadMedusaHeads}; they
 * read the model, which has to outlive them.
 * @see Cai et al. 2024, arXiv:2401.10774.
 */
export class MedusaHeads {
  readonly #parts: MedusaHeadsParts;
  #disposed = false;

  /** Takes over the tensors. */
  constructor(parts: MedusaHeadsParts) {
    this.#parts = parts;
  }

  /** The model that they belong to. */
  get model(): Model {
    return this.#parts.model;
  }

  /** How they are made. */
  get config(): MedusaHeadsConfig {
    return this.#parts.config;
  }

  /** W `[D, D]` and b `[D]` of each block, and output matrices `[V, D]` where heads have their own; f32. */
  get tensors(): HeadTensors {
    return this.#parts.tensors;
  }

  /** Plain data, by which a training that is continued knows them again. */
  get settings(): MedusaHeadsConfig {
    return this.config;
  }

  /** Numbers that are learned. */
  get parameters(): number {
    return Object.values(this.tensors).reduce((total, { size }) => total + size, 0);
  }

  /** The parameters of the model, which do not change. */
  apply(weights: ModelParams): ModelParams {
    return weights;
  }

  /** Records what a training minimises: Σ_k 0.8^k CE_k. */
  loss(call: HeadsLossCall): HeadsLoss {
    return headsLoss(this.config, call);
  }

  /**
   * The program that guesses: from what the output matrix read last of each row `[B, D]` logits of each head, `[B, heads, V]`. The
   * caller's to dispose.
   */
  compile(batch: number): Promise<Program> {
    return this.#compile(batch, this.config.heads, (logits) => logits);
  }

  /**
   * The program that guesses the likeliest token of each of the first `depth` heads: from what the output matrix read last of each row
   * `[B, D]` to `[B, depth]`, i32. The caller's to dispose.
   */
  compileChain(batch: number, depth: number): Promise<Program> {
    return this.#compile(batch, depth, (logits) => argmax(logits, { axis: 2 }));
  }

  /**
   * Takes over what was trained: copies of the tensors of a trainer's state.
   * @throws {@link ShapeError} when they are not those of these heads
   */
  async take(trained: HeadTensors): Promise<void> {
    this.#checkAlive();
    const { device } = this.model;
    const wanted = Object.entries(this.tensors);
    for (const [name, { shape }] of wanted)
      if (!trained[name] || !sameShape(trained[name].shape, shape))
        throw new ShapeError(
          `heads: ${name} is ${trained[name] ? showShape(trained[name].shape) : 'missing'} in what was trained, expected ${showShape(shape)}. Take the state of a trainer of these heads.`,
          { facts: { tensor: name, expected: shape } },
        );
    const values = await Promise.all(wanted.map(([name]) => device.read(trained[name]!)));
    wanted.forEach(([, tensor], index) => device.write(tensor, values[index]!));
  }

  /**
   * Writes `model.safetensors` and `config.json` to a directory (Node) or a sink.
   * @throws {@link UnsupportedOptionError} for an element type that is none
   */
  async save(target: string | FileSink, options: SaveHeadsOptions = {}): Promise<void> {
    this.#checkAlive();
    const { trained = this.tensors, dtype, signal } = options;
    const sink = typeof target === 'string' ? directorySink(target) : target;
    await writeHeads(sink, { config: this.config, tensors: trained, device: this.model.device, dtype, signal });
  }

  /** Frees the tensors; the model stays as it is. Idempotent. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    disposeTree(this.tensors);
  }

  /** As {@link MedusaHeads.dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** A program over the logits of the first heads, `[B, heads, V]`. */
  #compile(batch: number, heads: number, result: (logits: Tensor) => Tensor): Promise<Program> {
    this.#checkAlive();
    const { model, config, tensors } = this.#parts;
    const { graph, params, device } = model;
    const logitsOf = (head: number, h: Tensor): Tensor =>
      graph.output(outputParams(graph, params, tensors, head), headHidden(tensors, config, head, h));
    const graphOf = trace(
      (h) => [
        result(
          stack(
            Array.from({ length: heads }, (_, head) => logitsOf(head, h!)),
            1,
          ),
        ),
      ],
      [{ shape: [batch, model.spec.dModel], dtype: 'f32' }],
    );
    return device.compile(graphOf);
  }

  #checkAlive(): void {
    if (this.#disposed) throw new FeatureUnavailableError('The heads were disposed. Load them again.');
  }
}
