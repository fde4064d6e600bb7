import { gatedDeltaNet } from '@tessera/attention-linear';
import { softmaxAttention } from '@tessera/attention-softmax';
import type { MixerLawsOptions } from '@tessera/plugin-testing';
import { mixerLaws, stackMixers } from '@tessera/plugin-testing';
import type { Device } from '@tessera/tensor-core';
import type { Check } from './check.ts';

// Small, since the tests compute on a software adapter: two kinds of memory, and both in one stack.
const mixers: Readonly<Record<string, MixerLawsOptions>> = {
  'softmax attention with a window': {
    mixer: softmaxAttention,
    config: { heads: 2, kvHeads: 1, window: 5, rotary: {} },
    dModel: 8,
  },
  'Gated DeltaNet': {
    mixer: gatedDeltaNet,
    config: { keyHeads: 1, valueHeads: 2, keyDim: 3, valueDim: 4 },
    dModel: 8,
  },
  'a hybrid of both': {
    mixer: stackMixers([gatedDeltaNet({ keyHeads: 1, keyDim: 4, valueDim: 4 }), softmaxAttention({ heads: 2 })]),
    config: {},
    dModel: 8,
  },
};

/**
 * One law of each kind, for a run that must not take long: a software adapter spends its time on compiling shaders, of which
 * every law brings its own. The same kernels keep all laws in Node.
 */
const few: readonly string[] = [
  'one step over a prompt equals forward',
  'token by token equals forward',
  'a step that overwrites its state gives the same',
  'a rejected draft leaves no trace',
];

/** The hybrid has it, too. */
const seenInHybrid = 'Gated DeltaNet';

/** Laws of each mixer on a device: all of them, or one of each kind. */
export function laws(device: Device, all: boolean): readonly Check[] {
  const taken = Object.entries(mixers).filter(([mixer]) => all || mixer !== seenInHybrid);
  return taken.flatMap(([mixer, options]) => {
    const made = new Map(mixerLaws({ ...options, devices: [device] }).map((law) => [law.name, law]));
    return (all ? [...made.keys()] : few).map((name) => {
      const law = made.get(name);
      if (!law) throw new Error(`There is no law '${name}' of ${mixer}.`);
      return { name: `${mixer}: ${name}`, run: () => law.run() };
    });
  });
}
