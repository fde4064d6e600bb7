import type { AnyMixer, AnyState, Links, Memory, MixerUse, ParamSpecs, Site } from '@tessera/plugin';
import { decodingOf, fields, runCommit, runStep, validate } from '@tessera/plugin';
import { add } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';

type Params = Readonly<Record<string, Tensor>>;
type Call = Parameters<AnyMixer['forward']>[0];

/** Growth of a whole is that of what grows fastest. */
const growths: readonly Memory['growth'][] = ['constant', 'bounded', 'logarithmic', 'linear'];

/**
 * Layers on top of each other, x ← x + mixer(x), as one mixer: links that a layer gives reach all later ones, as in a model.
 * So the laws can be put to layers that read the memory of another one.
 *
 * {@includeCode ../examples/check-linked-layers.ts#linked}
 */
export function stackMixers(uses: readonly MixerUse[]): AnyMixer {
  const layers = uses.map(({ mixer, config }, layer) => ({
    mixer,
    config: validate<object>(mixer.config, config, mixer.name),
    prefix: `${layer}.`,
  }));
  type Layer = (typeof layers)[number];
  const siteOf = <S extends Site<object>>(site: S, { config }: Layer, layer: number): S => ({
    ...site,
    config,
    layer,
    layers: layers.length,
  });
  const own = (params: Params, { prefix }: Layer): Params =>
    Object.fromEntries(
      Object.entries(params).flatMap(([key, value]) =>
        key.startsWith(prefix) ? [[key.slice(prefix.length), value]] : [],
      ),
    );

  /** Runs the layers; `inputs.N` is what layer N read, which its commit needs. */
  const run = <Made extends { readonly y: Tensor; readonly links?: Links }>(
    call: Call,
    one: (layer: Layer, call: Call, index: number) => Made,
  ): { y: Tensor; made: Made[]; outputs: Links } => {
    let { x } = call;
    let links: Links = { ...call.links };
    const outputs: Record<string, Tensor> = {};
    const made = layers.map((layer, index) => {
      outputs[`inputs.${index}`] = x;
      const result = one(
        layer,
        { ...call, params: own(call.params as Params, layer), config: layer.config, x, links },
        index,
      );
      for (const [name, link] of Object.entries(result.links ?? {})) outputs[`links.${index}.${name}`] = link;
      links = { ...links, ...result.links };
      x = add(x, result.y);
      return result;
    });
    return { y: x, made, outputs };
  };

  const stack: AnyMixer = {
    contract: 'sequence-mixer/1',
    name: `@tessera/plugin-testing:${uses.map(({ mixer }) => mixer.name.split(':').at(-1)).join('+')}`,
    config: fields<Record<never, never>>({}),
    reads: Object.assign({}, ...layers.map(({ mixer }) => mixer.reads ?? {})) as Readonly<
      Record<string, 'positions' | 'memory'>
    >,
    params: (site): ParamSpecs<Params> =>
      Object.fromEntries(
        layers.flatMap((layer, index) =>
          Object.entries(layer.mixer.params(siteOf(site, layer, index))).map(([key, spec]) => [
            layer.prefix + key,
            spec,
          ]),
        ),
      ) as ParamSpecs<Params>,
    forward: (call) => ({ y: run(call, ({ mixer }, inner) => mixer.forward(inner)).y }),
  };
  if (!layers.every(({ mixer }) => mixer.decoding)) return stack;
  return {
    ...stack,
    decoding: {
      // Each layer decides for itself how it runs a tree.
      trees: true,
      memory(site) {
        const all = layers.map((layer, index) => decodingOf(layer.mixer).memory(siteOf(site, layer, index)));
        const fastest = Math.max(...all.map(({ growth }) => growths.indexOf(growth)));
        return { growth: growths[fastest]!, bytes: all.reduce((sum, { bytes }) => sum + bytes, 0) };
      },
      init: (site) =>
        layers.map((layer, index) =>
          decodingOf(layer.mixer).init({ ...siteOf(site, layer, index), params: own(site.params as Params, layer) }),
        ),
      step(call) {
        const { y, made, outputs } = run(call, ({ mixer }, inner, index) =>
          runStep(mixer, {
            ...inner,
            state: call.state[index],
            ...(call.parents && { parents: call.parents }),
          } as never),
        );
        return { y, state: made.map(({ state }) => state), links: outputs };
      },
      commit(call): AnyState {
        let links: Links = { ...call.links };
        return layers.map((layer, index) => {
          const given = { ...links };
          const outputs = linksOf(call.outputs ?? {}, `links.${index}.`);
          links = { ...links, ...outputs };
          return runCommit(layer.mixer, {
            ...call,
            params: own(call.params as Params, layer),
            config: layer.config,
            snapshot: call.snapshot[index],
            state: call.state[index],
            inputs: call.outputs![`inputs.${index}`]!,
            links: given,
            outputs,
          });
        });
      },
    },
  };
}

function linksOf(outputs: Links, prefix: string): Links {
  return Object.fromEntries(
    Object.entries(outputs).flatMap(([name, link]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), link]] : [],
    ),
  );
}
