import type { FileSource, ModuleLayout } from '@tessera/checkpoints';
import { openSafetensors, planTensors, readOurs, toFloat32 } from '@tessera/checkpoints';
import type { AnyMixer, AnyState, ParamSpec, PublishedConfig } from '@tessera/plugin';
import { decodingOf, validate } from '@tessera/plugin';
import type { Device, Tensor } from '@tessera/tensor-core';
import { ModelFormatError, ShapeError, concat, fromHost, read, slice, zeros } from '@tessera/tensor-core';
import { plugins } from '../plugins.ts';
import type { Difference } from './difference.ts';
import { difference } from './difference.ts';
import type { ModulePairs } from './golden.ts';

/** A directory with a single layer, and where it is run. */
export interface ModuleCase {
  readonly source: FileSource;
  readonly config: PublishedConfig;
  readonly layout: ModuleLayout;
  readonly pairs: ModulePairs;
  readonly device: Device;
}

/** Entries that are read one at a time after the others, where the layer decodes. */
const steps = 3;

/**
 * The largest difference of a layer's outputs from the reference: over whole sequences, and where it decodes, over all but the last
 * entries at once and those one by one.
 */
export async function compareModule(
  { source, config, layout, pairs, device }: ModuleCase,
  signal: AbortSignal,
): Promise<Difference> {
  const module = await openModule({ source, config, layout }, signal);
  const differences: Difference[] = [];
  for (const [suffix, { input, output }] of pairs) {
    const [B, T, D] = input.shape as [number, number, number];
    if (D !== module.dModel)
      throw new ShapeError(`hidden_states${suffix} has width ${D}, expected ${module.dModel}, that of the layer.`);
    const x = fromHost(input.values, [B, T, D]);
    const whole = await read(forward(module, x), device);
    differences.push(difference(whole, output.values));
    if (!module.mixer.decoding || T <= steps) continue;
    const stepped = await read(decode(module, x), device);
    differences.push(difference(stepped, output.values));
  }
  return differences.reduce((worst, each) => (each.relative <= worst.relative ? worst : each));
}

interface Module {
  readonly mixer: AnyMixer;
  readonly config: object;
  readonly dModel: number;
  readonly params: Readonly<Record<string, Tensor>>;
}

async function openModule(
  { source, config: published, layout }: Pick<ModuleCase, 'source' | 'config' | 'layout'>,
  signal: AbortSignal,
): Promise<Module> {
  const reader = await openSafetensors(source, { signal });
  try {
    const shapes = new Map([...reader.tensors].map(([name, { shape }]) => [name, shape]));
    const { dModel, mixer: spec, rules, ignored } = layout.read(published, shapes);
    const mixer = plugins.flatMap(({ mixers = [] }) => mixers).find(({ name }) => name === spec.type);
    if (!mixer) throw new ModelFormatError(`${spec.type}: no plugin of this command has this mixer.`);
    const config = validate<object>(mixer.config, spec.config, 'config.json');
    const specs = Object.entries(mixer.params({ config, dModel, layer: 0, layers: 1 })) as [string, ParamSpec][];
    planTensors(rules, shapes, { expected: new Map(specs.map(([name, { shape }]) => [name, shape])), ignored });
    const params: Record<string, Tensor> = {};
    for (const rule of rules) {
      const ours = await readOurs(rule, async (name) => {
        const { dtype, shape } = reader.tensors.get(name)!;
        return { dtype, shape, bytes: await reader.read(name, { signal }) };
      });
      for (const [name, { bytes, dtype, shape }] of ours)
        params[name] = fromHost(toFloat32(bytes, dtype as Parameters<typeof toFloat32>[1]), shape);
    }
    return { mixer, config, dModel, params };
  } finally {
    await reader.close();
  }
}

function entries(B: number, n: number, first: number): { positions: Tensor; starts: Tensor; lengths: Tensor } {
  const positions = Int32Array.from({ length: B * n }, (_, i) => first + (i % n));
  return {
    positions: fromHost(positions, [B, n]),
    starts: zeros([B], 'i32'),
    lengths: fromHost(new Int32Array(B).fill(n), [B]),
  };
}

function forward({ mixer, config, params }: Module, x: Tensor): Tensor {
  const [B, T] = x.shape as [number, number];
  return mixer.forward({ params, config, x, ...entries(B, T, 0) }).y;
}

function decode({ mixer, config, params, dModel }: Module, x: Tensor): Tensor {
  const [B, T] = x.shape as [number, number];
  const decoding = decodingOf(mixer);
  const site = { config, dModel, layer: 0, layers: 1, batch: B, capacity: T, chunk: T };
  let state: AnyState = decoding.init({ ...site, params });
  const outputs: Tensor[] = [];
  for (let from = 0; from < T; from = from === 0 ? T - steps : from + 1) {
    const to = from === 0 ? T - steps : from + 1;
    const made = decoding.step({ params, config, x: slice(x, 1, from, to), ...entries(B, to - from, from), state });
    outputs.push(made.y);
    state = made.state;
  }
  return concat(outputs, 1);
}
