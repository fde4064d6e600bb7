import type { AnyMixer, SequenceMixer } from './mixer.ts';

/** A mixer with its settings, as one writes it into a list of layers. */
export interface MixerUse {
  readonly mixer: AnyMixer;
  readonly config: unknown;
}

/** A mixer that is also a function: called with settings, it gives a {@link MixerUse}. */
export type MixerFactory<Config extends object, Params extends object, State extends object> = ((
  config: Config,
) => MixerUse) &
  SequenceMixer<Config, Params, State>;

/** Makes a mixer definition callable. Its types are given by the annotation of the constant that it is assigned to. */
export function defineMixer<Config extends object, Params extends object, State extends object>(
  definition: NoInfer<SequenceMixer<Config, Params, State>>,
): MixerFactory<Config, Params, State> {
  const factory = (config: Config): MixerUse => ({ mixer: definition, config });
  const properties = Object.fromEntries(
    Object.entries(definition).map(([key, value]) => [key, { value, enumerable: true }]),
  );
  return Object.defineProperties(factory, properties) as MixerFactory<Config, Params, State>;
}
