import type { AnyState, Call, CommitCall, Links, ParamSpec, SequenceMixer } from '@tessera/plugin';
import { fields, runCommit, runStep } from '@tessera/plugin';
import { FeatureUnavailableError, add, mul } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import type { Resolved, ResolvedLayer } from './resolve.ts';
import { layerParts } from './resolve.ts';

/** Learned tensors of a stack by path: `0.mixer.q_proj`. */
export type StackParams = Readonly<Record<string, Tensor>>;

/** State of a stack: one state a layer. */
export interface StackState {
  readonly layers: readonly AnyState[];
}

/**
 * A list of layers as one mixer: what holds for mixers holds for a whole stack, hybrids included. Its links hold the
 * residual stream before each layer (`N.x`), what its mixer read (`N.input`), and the mixer's own links (`N.name`).
 */
export function stackMixer(layers: readonly ResolvedLayer[]): SequenceMixer<object, StackParams, StackState> {
  const encoder = layers.findIndex((layer) => layer.mixer && !layer.mixer.part.decoding);
  const site = (
    index: number,
    call: { readonly dModel: number },
  ): { dModel: number; layer: number; layers: number } => ({
    dModel: call.dModel,
    layer: index,
    layers: layers.length,
  });
  const sumOver = <T>(start: T, join: (total: T, layer: ResolvedLayer, index: number) => T): T =>
    layers.reduce(join, start);
  const growths = ['constant', 'bounded', 'logarithmic', 'linear'] as const;
  return {
    contract: 'sequence-mixer/1',
    name: '@tessera/assembler:stack',
    config: fields<object>({}, { default: {} }),
    params: () => stackParams(layers),
    forward(call) {
      let aux: Tensor | undefined;
      const { x, links } = runLayers(
        layers,
        call,
        (layer, index, mixerCall) => {
          const made = layer.mixer!.part.forward(mixerCall);
          if (made.aux) aux = aux ? add(aux, made.aux) : made.aux;
          return made;
        },
        (loss) => (aux = aux ? add(aux, loss) : loss),
      );
      return { y: x, links, ...(aux && { aux }) };
    },
    ...(encoder < 0 && {
      decoding: {
        trees: true,
        memory: (call) =>
          sumOver({ growth: growths[0] as (typeof growths)[number], bytes: 0 }, (total, { mixer }, index) => {
            if (!mixer) return total;
            const own = mixer.part.decoding!.memory({ ...call, ...site(index, call), config: mixer.config });
            return {
              growth: growths[Math.max(growths.indexOf(total.growth), growths.indexOf(own.growth))]!,
              bytes: total.bytes + own.bytes,
            };
          }),
        init: (call) => ({
          layers: layers.map(({ mixer }, index) =>
            mixer
              ? (mixer.part.decoding!.init({
                  ...call,
                  ...site(index, call),
                  config: mixer.config,
                  params: own(call.params, index, 'mixer', mixer),
                }) as AnyState)
              : {},
          ),
        }),
        step(call) {
          const states: AnyState[] = [];
          const { x, links } = runLayers(layers, call, (layer, index, mixerCall) => {
            const made = runStep(layer.mixer!.part, {
              ...mixerCall,
              state: call.state.layers[index],
              ...(call.parents && { parents: call.parents }),
            });
            states[index] = made.state;
            return made;
          });
          return { y: x, state: { layers: layers.map((_, index) => states[index] ?? {}) }, links };
        },
        commit: (call) => ({ layers: layers.map((layer, index) => commitLayer(layer, index, call)) }),
      },
    }),
  };
}

/** Why a stack cannot generate, or nothing when it can. */
export function refusesDecoding(layers: readonly ResolvedLayer[]): FeatureUnavailableError | undefined {
  const index = layers.findIndex((layer) => layer.mixer && !layer.mixer.part.decoding);
  if (index < 0) return undefined;
  const { name } = layers[index]!.mixer!.part;
  return new FeatureUnavailableError(
    `layers.${index}.mixer (${name}) has no decoding: it looks at the whole sequence. The model can run forward, not generate.`,
    {
      facts: { layer: index, mixer: name },
    },
  );
}

function stackParams(layers: readonly ResolvedLayer[]): Record<string, ParamSpec> {
  const entries: [string, ParamSpec][] = [];
  layers.forEach((layer, index) => {
    for (const name of layerParts)
      for (const [key, spec] of Object.entries(layer[name]?.params ?? {}))
        entries.push([`${index}.${name}.${key}`, spec]);
  });
  return Object.fromEntries(entries);
}

/** The learned tensors of one part, under its own names. */
function own(
  params: StackParams,
  index: number,
  name: (typeof layerParts)[number],
  part: Resolved<unknown>,
): Record<string, Tensor> {
  return Object.fromEntries(Object.keys(part.params).map((key) => [key, params[`${index}.${name}.${key}`]!]));
}

type MixerCall = Call<object, object>;

function runLayers(
  layers: readonly ResolvedLayer[],
  call: Call<object, StackParams>,
  mix: (layer: ResolvedLayer, index: number, call: MixerCall) => { y: Tensor; links?: Links },
  addLoss: (loss: Tensor) => void = () => {},
): { x: Tensor; links: Record<string, Tensor> } {
  const links: Record<string, Tensor> = {};
  let { x } = call;
  layers.forEach((layer, index) => {
    const norm = (
      name: 'mixerNorm' | 'mixerOutputNorm' | 'feedForwardNorm' | 'feedForwardOutputNorm',
      value: Tensor,
    ): Tensor => {
      const part = layer[name];
      return part
        ? part.part.forward({ params: own(call.params, index, name, part), config: part.config, x: value })
        : value;
    };
    const join = (residual: Tensor, value: Tensor): Tensor =>
      add(residual, layer.residualMultiplier === 1 ? value : mul(value, layer.residualMultiplier));
    links[`${index}.x`] = x;
    const before = x;
    if (layer.mixer) {
      const input = norm('mixerNorm', before);
      links[`${index}.input`] = input;
      const { links: _, ...shared } = call;
      const read = Object.fromEntries(
        layer.mixer.links.map((link) => [link.input, links[`${link.layer}.${link.output}`]!]),
      );
      const made = mix(layer, index, {
        ...shared,
        params: own(call.params, index, 'mixer', layer.mixer),
        config: layer.mixer.config,
        x: input,
        ...(layer.mixer.links.length > 0 && { links: read }),
      });
      for (const [name, value] of Object.entries(made.links ?? {})) links[`${index}.${name}`] = value;
      x = join(x, norm('mixerOutputNorm', made.y));
    }
    if (layer.feedForward) {
      const input = norm('feedForwardNorm', layer.residual === 'parallel' ? before : x);
      const { y, aux } = layer.feedForward.part.forward({
        params: own(call.params, index, 'feedForward', layer.feedForward),
        config: layer.feedForward.config,
        x: input,
        ...(call.training !== undefined && { training: call.training }),
        ...(call.random && { random: call.random }),
      });
      if (aux) addLoss(aux);
      x = join(x, norm('feedForwardOutputNorm', y));
    }
  });
  links[`${layers.length}.x`] = x;
  return { x, links };
}

/** Each layer commits by itself, from what its mixer read in the step. */
function commitLayer(layer: ResolvedLayer, index: number, call: CommitCall<object, StackParams, StackState>): AnyState {
  if (!layer.mixer) return {};
  const outputs = call.outputs ?? {};
  const read = Object.fromEntries(
    layer.mixer.links.map((link) => [link.input, outputs[`${link.layer}.${link.output}`]!]),
  );
  return runCommit(layer.mixer.part, {
    params: own(call.params, index, 'mixer', layer.mixer),
    config: layer.mixer.config,
    snapshot: call.snapshot.layers[index],
    state: call.state.layers[index],
    inputs: outputs[`${index}.input`]!,
    positions: call.positions,
    starts: call.starts,
    path: call.path,
    count: call.count,
    ...(layer.mixer.links.length > 0 && { links: read }),
    ...(call.cache && { cache: call.cache }),
  });
}
