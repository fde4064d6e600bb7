import type { AnyState, CommitCall, Links, Memory, RouterBalance, SequenceMixer, Site } from '@tessera/plugin';
import { decodingOf, fields, runCommit, runStep } from '@tessera/plugin';
import { add } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { pooledBalance } from './pooled-balance.ts';
import type { ResolvedLayer } from './resolve.ts';
import { linksRead, runLayers } from './run-layers.ts';
import { paramsOfPart, stackParams } from './stack-params.ts';
import type { StackParams } from './stack-params.ts';

/** State of a stack: one state a layer. */
export interface StackState {
  readonly layers: readonly AnyState[];
}

/** A whole grows like the part that grows fastest. */
const growths: readonly Memory['growth'][] = ['constant', 'bounded', 'logarithmic', 'linear'];

/**
 * A list of layers as one mixer: what holds for mixers holds for a whole stack, hybrids included. Its links hold the
 * residual stream before each layer (`N.x`), what its mixer read (`N.input`), and the mixer's own links (`N.name`).
 */
export function stackMixer(layers: readonly ResolvedLayer[]): SequenceMixer<object, StackParams, StackState> {
  const siteOf = <S extends Site<object>>(site: S, { mixer }: ResolvedLayer, layer: number): S => ({
    ...site,
    config: mixer!.config,
    layer,
    layers: layers.length,
  });
  const stack: SequenceMixer<object, StackParams, StackState> = {
    contract: 'sequence-mixer/1',
    name: '@tessera/assembler:stack',
    config: fields<object>({}, { default: {} }),
    params: () => stackParams(layers),
    forward(call) {
      let aux: Tensor | undefined;
      const balances: RouterBalance[] = [];
      const addLoss = (loss: Tensor): void => {
        aux = aux ? add(aux, loss) : loss;
      };
      const { x, links } = runLayers(layers, call, {
        mix(layer, _, mixerCall) {
          const made = layer.mixer!.part.forward(mixerCall);
          if (made.aux) addLoss(made.aux);
          return made;
        },
        addLoss,
        addBalance: (balance) => balances.push(balance),
      });
      const balance = pooledBalance(balances);
      if (balance) addLoss(balance);
      return { y: x, links, ...(aux && { aux }) };
    },
  };
  if (layers.some(({ mixer }) => mixer && !mixer.part.decoding)) return stack;
  return {
    ...stack,
    decoding: {
      // Each layer decides for itself how it runs a tree.
      trees: true,
      memory(site) {
        const all = layers.flatMap((layer, index) =>
          layer.mixer ? [decodingOf(layer.mixer.part).memory(siteOf(site, layer, index))] : [],
        );
        return {
          growth: growths[Math.max(0, ...all.map(({ growth }) => growths.indexOf(growth)))]!,
          bytes: all.reduce((total, { bytes }) => total + bytes, 0),
        };
      },
      init: (site) => ({
        layers: layers.map((layer, index) => {
          if (!layer.mixer) return {};
          const params = paramsOfPart(site.params, index, 'mixer', layer.mixer);
          return decodingOf(layer.mixer.part).init({ ...siteOf(site, layer, index), params });
        }),
      }),
      step({ state, parents, ...call }) {
        const states: AnyState[] = layers.map(() => ({}));
        const { x, links } = runLayers(layers, call, {
          mix(layer, index, mixerCall) {
            const own = { ...mixerCall, state: state.layers[index], ...(parents && { parents }) };
            const made = runStep(layer.mixer!.part, own);
            states[index] = made.state;
            return made;
          },
        });
        return { y: x, state: { layers: states }, links };
      },
      commit: (call) => ({ layers: layers.map((layer, index) => commitLayer(layer, index, call)) }),
    },
  };
}

/** Each layer commits by itself, from what its mixer read in the step. */
function commitLayer(layer: ResolvedLayer, index: number, call: CommitCall<object, StackParams, StackState>): AnyState {
  if (!layer.mixer) return {};
  const { links: _, outputs = {}, ...shared } = call;
  return runCommit(layer.mixer.part, {
    ...shared,
    params: paramsOfPart(call.params, index, 'mixer', layer.mixer),
    config: layer.mixer.config,
    snapshot: call.snapshot.layers[index],
    state: call.state.layers[index],
    inputs: outputs[`${index}.input`]!,
    outputs: outputsOf(outputs, index),
    ...(layer.mixer.links.length > 0 && { links: linksRead(layer, index, outputs) }),
  });
}

/** What one layer gave, under its own names. */
function outputsOf(outputs: Links, index: number): Links {
  const prefix = `${index}.`;
  return Object.fromEntries(
    Object.entries(outputs).flatMap(([name, value]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), value]] : [],
    ),
  );
}
