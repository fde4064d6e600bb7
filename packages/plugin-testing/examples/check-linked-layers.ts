import { linear } from '@tessera/ops';
import type { MixerFactory } from '@tessera/plugin';
import { defineMixer, fields, linearWeight } from '@tessera/plugin';
import { mixerLaws, stackMixers } from '@tessera/plugin-testing';
import { mul, sigmoid } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { leakyAverage } from './check-a-mixer.ts';

type Nothing = Record<never, never>;

/** Gives its gates on to later layers, one row for each position. */
const gateMaker: MixerFactory<Nothing, { W: Tensor }, Nothing> = defineMixer({
  contract: 'sequence-mixer/1',
  name: 'my-mixers:gate-maker',
  config: fields<Nothing>({}),
  params: ({ dModel: D }) => ({ W: linearWeight(D, D) }),
  forward: ({ params, x }) => gated(x, sigmoid(linear(x, params.W))),
  decoding: {
    trees: true,
    memory: () => ({ growth: 'constant', bytes: 0 }),
    init: () => ({}),
    step: ({ params, x, state }) => ({ ...gated(x, sigmoid(linear(x, params.W))), state }),
  },
});

/** Uses the gates of an earlier layer. */
const gateUser: MixerFactory<Nothing, Nothing, Nothing> = defineMixer({
  contract: 'sequence-mixer/1',
  name: 'my-mixers:gate-user',
  config: fields<Nothing>({}),
  params: () => ({}),
  reads: { gates: 'positions' },
  forward: ({ x, links }) => ({ y: mul(x, links!.gates!) }),
  decoding: {
    trees: true,
    memory: () => ({ growth: 'constant', bytes: 0 }),
    init: () => ({}),
    step: ({ x, links, state }) => ({ y: mul(x, links!.gates!), state }),
  },
});

function gated(x: Tensor, gates: Tensor): { y: Tensor; links: { gates: Tensor } } {
  return { y: mul(x, gates), links: { gates } };
}

/** Puts the laws to layers that are linked, with one between them that has a memory. */
export async function checkLinkedLayers(): Promise<number> {
  // #region linked
  const mixer = stackMixers([gateMaker({}), leakyAverage({}), gateUser({})]);
  const laws = mixerLaws({ mixer, config: {}, dModel: 12, segments: false });
  // #endregion linked
  for (const law of laws) await law.run();
  return laws.length;
}
