import type { CommitCall, Entries, Links, MixerFactory, SequenceMixer, Site, StepCall } from '@tessera/plugin';
import { defineMixer, entriesOf, perEntry } from '@tessera/plugin';
import type { Shape, Tensor } from '@tessera/tensor-core';
import { expandDims, gather, greater, maximum, reshape, sub, where, zeros } from '@tessera/tensor-core';
import { lastOf } from './evolving.ts';
import type { PartAfter } from './evolving.ts';

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

/** What a recurrent mixer makes of entries. */
export interface RecurrentResult<State> {
  /** `[B, n, D]`, aligned. */
  readonly y: Tensor;
  /** Of a tree not used any more. */
  readonly state: { readonly [Key in keyof State]: PartAfter };
}

/** What differs between mixers whose state is constant. */
export interface RecurrentMixer<Config extends object, Params extends object, State extends object> extends Pick<
  SequenceMixer<Config, Params, State>,
  'name' | 'config' | 'params'
> {
  /** Shapes of the state's tensors, f32, without the batch. */
  state(site: Pick<Site<Config>, 'config' | 'dModel'>): Readonly<Record<keyof State, Shape>>;
  /** The entries after those of the state. */
  run(call: RecurrentCall<Config, Params>, state: State): RecurrentResult<State>;
}

/**
 * A mixer with a constant state, from its run over aligned entries: whole sequences begin with zeros, a step goes on, a tree goes
 * along all its paths at once. What of a draft stays is looked up among the states after each entry where all parts are known there, and read once
 * more from the state before it where they are not.
 */
export function recurrentMixer<Config extends object, Params extends object, State extends object>(
  mixer: RecurrentMixer<Config, Params, State>,
): MixerFactory<Config, Params, State> {
  const runAligned = (
    call: Omit<StepCall<Config, Params, State>, 'state'>,
    state: State,
  ): { y: Tensor; state: State; links?: Links } => {
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
    const parts = Object.entries<PartAfter>(made.state);
    const each = parts.flatMap(([key, part]) => ('each' in part ? [[linkOf(key), part.each] as const] : []));
    return {
      y: entries.restore(made.y),
      state: Object.fromEntries(parts.map(([key, part]) => [key, lastOf(part)])) as State,
      ...(each.length > 0 && { links: Object.fromEntries(each) }),
    };
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
      lookUp,
    },
  });
}

/** Name under which a step gives a part of the state after each entry. */
const linkOf = (part: string): string => `after.${part}`;

/** The state after as many entries as stay, where the step gave it after each. */
function lookUp<State extends object>({
  snapshot,
  outputs = {},
  count,
  inOrder,
}: CommitCall<object, object, State>): State | undefined {
  const parts = Object.entries<Tensor>(snapshot as Record<string, Tensor>);
  // A part without elements is what it was.
  if (!inOrder || !parts.every(([key, before]) => before.size === 0 || outputs[linkOf(key)])) return undefined;
  const last = expandDims(maximum(sub(count, 1), 0), 1);
  const some = greater(count, 0);
  return Object.fromEntries(
    parts.map(([key, before]) => {
      const each = outputs[linkOf(key)];
      if (!each) return [key, before];
      const after = reshape(gather(each, last, { batchDims: 1 }), before.shape);
      return [key, where(perEntry(some, before), after, before)];
    }),
  ) as State;
}
