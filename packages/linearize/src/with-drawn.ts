import type { Model } from '@tessera/assembler';
import type { Tensor } from '@tessera/tensor-core';
import { FeatureUnavailableError } from '@tessera/tensor-core';
import type { Adapter } from '@tessera/training';

/**
 * An adapter that also trains parameters as they are: those that a linearized model has drawn, which no change of low rank could
 * teach anything.
 * @param paths - of {@link Model.params}; kept in f32
 */
export function withDrawn(
  adapter: Pick<Adapter, 'tensors' | 'settings' | 'apply'>,
  model: Model,
  paths: readonly string[],
): Adapter {
  const own = Object.fromEntries(paths.map((path) => [`drawn.${path}`, model.params[path]!]));
  const names = new Map(paths.map((path) => [`drawn.${path}`, path]));
  return {
    tensors: { ...adapter.tensors, ...own },
    settings: { ...adapter.settings, drawn: paths },
    apply(weights, trained) {
      const changed: Record<string, Tensor> = { ...adapter.apply(weights, trained) };
      for (const [name, path] of names) changed[path] = trained[name]!;
      return changed;
    },
    save: () =>
      Promise.reject(
        new FeatureUnavailableError('withDrawn: whole parameters are no adapter of PEFT. Save the model itself.'),
      ),
  };
}
