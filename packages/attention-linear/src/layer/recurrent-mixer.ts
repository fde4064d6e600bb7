import type { Call, Entries, MixerFactory, SequenceMixer, Site } from '@tessera/plugin';
import { defineMixer, entriesOf } from '@tessera/plugin';
import type { Shape, Tensor } from '@tessera/tensor-core';
import { zeros } from '@tessera/tensor-core';

/** What a recurrent mixer computes with: the entries of a call, aligned. */
export interface RecurrentCall<Config, Params> {
  readonly params: Params;
  readonly config: Required<Config>;
  /** `[B, n, D]`, aligned. */
  readonly x: Tensor;
  /** Position of each entry, `[B, n]`, i32, aligned. */
  readonly positions: Tensor;
  readonly entries: Entries;
}

/** What differs between mixers whose state is constant. */
export interface RecurrentMixer<Config extends object, Params extends object, State extends object> extends Pick<
  SequenceMixer<Config, Params, State>,
  'name' | 'config' | 'params'
> {
  /** Shapes of the state's tensors, f32, without the batch. */
  state(site: Pick<Site<Config>, 'config' | 'dModel'>): Readonly<Record<keyof State, Shape>>;
  /** The entries after those of the state; `y [B, n, D]` aligned. Of a tree the state is not used any more. */
  run(call: RecurrentCall<Config, Params>, state: State): { readonly y: Tensor; readonly state: State };
}

/**
 * A mixer with a constant state, from its run over aligned entries: whole sequences begin with zeros, a step goes on, a tree goes
 * along all its paths at once. What of a draft stays is read once more from the state before it.
 */
export function recurrentMixer<Config extends object, Params extends object, State extends object>(
  mixer: RecurrentMixer<Config, Params, State>,
): MixerFactory<Config, Params, State> {
  const runAligned = (
    call: Call<Config, Params> & { readonly parents?: Tensor },
    state: State,
  ): { y: Tensor; state: State } => {
    const entries = entriesOf(call, call.x.shape[1]!, mixer.name);
    const made = mixer.run(
      {
        params: call.params,
        config: call.config,
        x: entries.align(call.x),
        positions: entries.align(call.positions),
        entries,
      },
      state,
    );
    return { y: entries.restore(made.y), state: made.state };
  };
  const shapes = (site: Pick<Site<Config>, 'config' | 'dModel'>): [string, Shape][] =>
    Object.entries<Shape>(mixer.state(site));
  const empty = (site: Pick<Site<Config>, 'config' | 'dModel'>, batch: number): State =>
    Object.fromEntries(shapes(site).map(([key, shape]) => [key, zeros([batch, ...shape])])) as State;
  return defineMixer<Config, Params, State>({
    contract: 'sequence-mixer/1',
    name: mixer.name,
    config: mixer.config,
    params: mixer.params,
    forward: (call) => {
      const [batch, , dModel] = call.x.shape as [number, number, number];
      return { y: runAligned(call, empty({ config: call.config, dModel }, batch)).y };
    },
    decoding: {
      trees: true,
      memory: (site) => ({
        growth: 'constant',
        bytes: shapes(site).reduce(
          (total, [, shape]) => total + 4 * site.batch * shape.reduce((size, extent) => size * extent, 1),
          0,
        ),
      }),
      init: (site) => empty(site, site.batch),
      step: (call) => runAligned(call, call.state),
    },
  });
}
