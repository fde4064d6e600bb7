import { Model } from '@tessera/assembler';
import type { SaveOptions } from '@tessera/assembler';
import type { FileSink } from '@tessera/checkpoints';
import { directorySink } from '@tessera/checkpoints';
import type { Tensor } from '@tessera/tensor-core';
import {
  FeatureUnavailableError,
  disposeTree,
  materialize,
  sameShape,
  ShapeError,
  showShape,
} from '@tessera/tensor-core';
import type { Change } from './apply-changes.ts';
import { applyChanges } from './apply-changes.ts';
import { shortestTargets } from './choose-modules.ts';
import type { LinearModule, ModuleList } from './linear-modules.ts';
import type { LoraSettings } from './lora-settings.ts';
import { sizeOfChange } from './lora-settings.ts';
import { writeAdapter } from './peft/write-adapter.ts';

/** Tensors by name. */
export type NamedTensors = Readonly<Record<string, Tensor>>;

/** What a {@link Lora} is made of. */
interface LoraParts {
  readonly model: Model;
  readonly modules: ModuleList;
  /** Modules that are changed. */
  readonly chosen: readonly LinearModule[];
  readonly settings: LoraSettings;
  /** A and B of each, by `tensorName`; f32, on the device of the model. */
  readonly tensors: NamedTensors;
}

/** How an adapter is saved. */
export interface SaveLoraOptions {
  /** In place of its own tensors: what a trainer made of them. */
  readonly trained?: NamedTensors | undefined;
  /** Element type of A and B in the file. @defaultValue 'fp32' */
  readonly dtype?: SaveOptions['dtype'];
  readonly signal?: AbortSignal | undefined;
}

/**
 * Changes of low rank, s B A, of linear maps of a model, which stays as it is. A and B belong to the weights as they are
 * published: where such a weight is several parameters of ours, each gets its rows of the change.
 *
 * A trainer takes it as its `adapter`. Made by {@link createLora} and {@link loadLora}; it reads the model, which has to outlive it.
 * @see Hu et al. 2021, arXiv:2106.09685.
 */
export class Lora {
  readonly #parts: LoraParts;
  /** What is over, in a sentence's end. */
  #over: string | undefined;

  /** Takes over the tensors. */
  constructor(parts: LoraParts) {
    this.#parts = parts;
  }

  /** A `[rank, in]` and B `[out, rank]` of each module, f32: `model.layers.0.self_attn.q_proj.lora_A.weight`. */
  get tensors(): NamedTensors {
    return this.#parts.tensors;
  }

  /** Names of the modules that are changed, as they are published. */
  get modules(): readonly string[] {
    return this.#parts.chosen.map(({ name }) => name);
  }

  /** Rank, alpha and targets: plain data, by which a training that is continued knows the adapter again. */
  get settings(): LoraSettings & { readonly kind: 'lora'; readonly targets: readonly string[] } {
    const { chosen, modules, settings } = this.#parts;
    const { rank, alpha, rslora, rankPattern, alphaPattern } = settings;
    return { kind: 'lora', rank, alpha, rslora, targets: shortestTargets(chosen, modules), rankPattern, alphaPattern };
  }

  /** True when A and B belong to weights that are published `[in, out]`, as those of GPT-2 are. */
  get fanInFanOut(): boolean {
    return this.#parts.chosen.some(({ publishedOrientation }) => publishedOrientation === 'in-out');
  }

  /**
   * Records parameters with the change, by path. `linear` by them computes x Wᵀ + s (x Aᵀ) Bᵀ.
   * @param weights - parameters of the model, in whatever element type they are kept
   * @param tensors - in place of {@link Lora.tensors}
   */
  apply(weights: NamedTensors, tensors: NamedTensors): Record<string, Tensor> {
    const { chosen, settings } = this.#parts;
    return applyChanges(
      weights,
      chosen.map((module): Change => ({
        module,
        scale: sizeOfChange(settings, module.name).scale,
        A: tensors[tensorName(module.name, 'A')]!,
        B: tensors[tensorName(module.name, 'B')]!,
      })),
    );
  }

  /**
   * The model with the change, unmerged: the weights stay as they are kept, and each changed map takes two thin products more.
   * It generates, and saves as a checkpoint with merged weights. Disposing it frees programs, neither weights nor adapter.
   * @throws {@link FeatureUnavailableError} after a merge, or when the adapter was disposed
   */
  view(): Model {
    this.#checkAlive();
    const { graph, device, params, memory, origin, text } = this.#parts.model;
    return new Model({
      graph,
      device,
      ownsDevice: false,
      params: this.apply(params, this.tensors),
      ownsWeights: false,
      estimate: memory,
      loadMs: 0,
      ...(origin && { origin }),
      ...(text && { text }),
    });
  }

  /**
   * Adds the change to the weights of the model, each summed in f32 and rounded to how it is kept. The adapter is over then;
   * the model saves as a plain checkpoint, and cannot be reloaded, since its files have the weights as they were.
   * @throws {@link FeatureUnavailableError} after a merge, or when the adapter was disposed
   */
  async merge(): Promise<void> {
    this.#checkAlive();
    const { model } = this.#parts;
    const { device, params } = model;
    const changed = Object.entries(this.apply(params, this.tensors)).filter(([path, made]) => made !== params[path]);
    this.#over = 'is merged into the weights of its model';
    for (const [path, made] of changed) {
      using sum = await materialize(made, device);
      model.overwrite(path, (await device.read(sum)) as Float32Array);
    }
    disposeTree(this.tensors);
  }

  /**
   * Takes over what was trained: copies of the tensors of a trainer's state.
   * @throws {@link ShapeError} when they are not those of this adapter
   */
  async take(trained: NamedTensors): Promise<void> {
    this.#checkAlive();
    const { device } = this.#parts.model;
    const wanted = Object.entries(this.tensors);
    for (const [name, { shape }] of wanted)
      if (!trained[name] || !sameShape(trained[name].shape, shape))
        throw new ShapeError(
          `lora: ${name} is ${trained[name] ? showShape(trained[name].shape) : 'missing'} in what was trained, expected ${showShape(shape)}. Take the state of a trainer of this adapter.`,
          { facts: { tensor: name, expected: shape } },
        );
    const values = await Promise.all(wanted.map(([name]) => device.read(trained[name]!)));
    wanted.forEach(([, tensor], index) => device.write(tensor, values[index]!));
  }

  /**
   * Writes `adapter_config.json` and `adapter_model.safetensors` to a directory (Node) or a sink, as PEFT does.
   * @throws {@link UnsupportedOptionError} for an element type that is none
   */
  async save(
    target: string | FileSink,
    { trained = this.tensors, dtype, signal }: SaveLoraOptions = {},
  ): Promise<void> {
    this.#checkAlive();
    const { model } = this.#parts;
    const sink = typeof target === 'string' ? directorySink(target) : target;
    const { settings, fanInFanOut } = this;
    await writeAdapter(sink, { settings, fanInFanOut, tensors: trained, dtype, device: model.device, signal });
  }

  /** Frees A and B; the model stays as it is. Idempotent. */
  dispose(): void {
    if (this.#over !== undefined) return;
    this.#over = 'was disposed';
    disposeTree(this.tensors);
  }

  /** As {@link Lora.dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #checkAlive(): void {
    if (this.#over !== undefined)
      throw new FeatureUnavailableError(`The adapter ${this.#over}. Load it again, onto a model without it.`);
  }
}

/** The name of A or B of a module: that of PEFT without the prefix that all have. */
export function tensorName(module: string, factor: 'A' | 'B'): string {
  return `${module}.lora_${factor}.weight`;
}
