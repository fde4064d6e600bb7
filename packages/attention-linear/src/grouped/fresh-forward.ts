import type { Call, MixerFactory, Site } from '@tessera/plugin';
import { defineMixer, entriesOf } from '@tessera/plugin';
import type { Shape, Tensor } from '@tessera/tensor-core';
import type { RecurrentCall, RecurrentMixer, RecurrentResult } from '../layer/recurrent-mixer.ts';
import { recurrentMixer } from '../layer/recurrent-mixer.ts';

/** A recurrent mixer that has less to do for whole sequences, before which there is nothing. */
export interface FreshMixer<Config extends object, Params extends object, State extends object> extends Omit<
  RecurrentMixer<Config, Params, State>,
  'run' | 'state'
> {
  /** Shapes of the state's tensors, f32, without the batch. */
  state(site: Pick<Site<Config>, 'config' | 'dModel'>): { readonly [Key in keyof State]: Shape };
  /** The entries after those of the state, or with none the first; a state comes back where one was given. */
  run(
    call: RecurrentCall<Config, Params>,
    state: State | undefined,
  ): { readonly y: Tensor; readonly state: State | undefined };
}

/** A mixer with a constant state that runs whole sequences without one. */
export function freshMixer<Config extends object, Params extends object, State extends object>(
  mixer: FreshMixer<Config, Params, State>,
): MixerFactory<Config, Params, State> {
  const { decoding, contract, name, config, params } = recurrentMixer<Config, Params, State>({
    ...mixer,
    state: (site) => mixer.state(site) as Readonly<Record<keyof State, Shape>>,
    run(call, state) {
      const made = mixer.run(call, state);
      return { y: made.y, state: (made.state ?? state) as RecurrentResult<State>['state'] };
    },
  });
  return defineMixer<Config, Params, State>({
    contract,
    name,
    config,
    params,
    forward: (call: Call<Config, Params>) => {
      const entries = entriesOf(call, call.x.shape[1]!, name);
      const { x, positions } = call;
      const aligned = { x: entries.align(x), positions: entries.align(positions), entries };
      const { y } = mixer.run({ params: call.params, config: call.config, ...aligned }, undefined);
      return { y: entries.restore(y) };
    },
    decoding: decoding!,
  });
}
