import type { Assembler, Model } from '@tessera/assembler';
import type { ModelSpec } from '@tessera/plugin';
import { cast, read } from '@tessera/tensor-core';
import { linearizedSpec, replacedLayers } from './linearized-spec.ts';
import type { Attention, Replacement } from './linearized-spec.ts';

/** How a model is linearized. */
export interface LinearizeOptions extends Replacement {
  /** With the plugins of all parts of the new model. */
  readonly assembler: Assembler;
  /** From which what cannot be copied is drawn. @defaultValue 0 */
  readonly seed?: number | undefined;
  /** Rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
}

/** A model whose attention is linear. */
export interface Linearized {
  /** In 32 bits, on the device of the other; to be disposed by the caller. It saves as its own spec. */
  readonly model: Model;
  /** Paths of the parameters that were copied. */
  readonly copied: readonly string[];
  /** Paths of those that were drawn: what the other model does not have. */
  readonly drawn: readonly string[];
}

/** Parameters of which keys and values that are shared become several. */
const perHead = /\.(?:k|v)_(?:proj|bias)$/;

/**
 * Puts other mixers in place of the softmax attention of a trained model, with the weights that fit: everything outside of the
 * mixers, and of these the projections, biases and norms that both have under one name. Heads of keys that are shared are repeated
 * where the other mixer does not share them.
 *
 * {@includeCode ../examples/linearize.ts#linearize}
 * @throws {@link InvalidSpecError} when there is nothing to replace, or settings do not fit
 */
export async function linearize(model: Model, options: LinearizeOptions): Promise<Linearized> {
  const { assembler, seed, signal } = options;
  const spec = linearizedSpec(model.spec, options);
  const made = await assembler.assemble(spec, { device: model.device, dtype: 'fp32', seed, signal });
  const [copied, drawn]: [string[], string[]] = [[], []];
  try {
    const prefixes = replacedLayers(model.spec, options.layers).map((layer) => `layers.${layer}.mixer.`);
    for (const [path, param] of Object.entries(made.params)) {
      signal?.throwIfAborted();
      const from = model.params[path];
      const repeats = from && param.shape[0]! / from.shape[0]!;
      const same = from && from.size === param.size && repeats === 1;
      const shared =
        from && perHead.test(path) && prefixes.some((prefix) => path.startsWith(prefix)) && Number.isInteger(repeats);
      if (!same && !(shared && from.size * repeats! === param.size)) {
        drawn.push(path);
        continue;
      }
      const values = (await read(cast(from, 'f32'), model.device)) as Float32Array;
      made.overwrite(path, same ? values : repeatHeads(values, repeats!, kvHeadsOf(model.spec, path)));
      copied.push(path);
    }
    return { model: made, copied, drawn };
  } catch (error) {
    await made.dispose();
    throw error;
  }
}

/** Heads of keys in the layer of a parameter. */
function kvHeadsOf({ layers }: ModelSpec, path: string): number {
  const { heads, kvHeads = heads } = layers[Number(path.split('.')[1])]!.mixer!.config as Attention;
  return kvHeads;
}

/** Rows of each head, one after another, `times` times. */
function repeatHeads(values: Float32Array, times: number, heads: number): Float32Array {
  const head = values.length / heads;
  const made = new Float32Array(values.length * times);
  for (let to = 0; to < heads * times; to++) {
    const from = Math.floor(to / times) * head;
    made.set(values.subarray(from, from + head), to * head);
  }
  return made;
}
