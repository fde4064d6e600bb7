import type { MixerUse, ParamSpec } from '@tessera/plugin';
import { decodingOf, runStep, validate } from '@tessera/plugin';
import type { Device, Program, Tensor, TensorType } from '@tessera/tensor-core';
import { fillTree, sizeOf, trace, treeLeaves } from '@tessera/tensor-core';

/** How a state is filled before it is weighed. */
export interface StateBytesRun {
  readonly tokens: number;
  /** Tokens of a step. */
  readonly chunk: number;
  readonly dModel: number;
}

/**
 * Bytes that the buffers of a state hold after so many tokens, as the device counts what it has allocated: what it holds more than
 * before the state was made, once everything else is freed.
 * @throws Error when an output is not a number
 */
export async function stateBytesAfter(
  { mixer, config: given }: MixerUse,
  device: Device,
  { tokens, chunk, dModel }: StateBytesRun,
): Promise<number> {
  const config = validate<object>(mixer.config, given, 'config');
  const site = { config, dModel, layer: 0, layers: 1 };
  const specs = Object.entries(mixer.params(site) as Readonly<Record<string, ParamSpec>>);
  const number = (place: number): number => Math.sin(1 + 7 * place) / 4;
  const filled = (shape: readonly number[]): Float32Array =>
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => number(i));
  const params = specs.map(([, { shape }]) => device.upload(filled(shape), { shape, dtype: 'f32' }));
  const empty = decodingOf(mixer).init({ ...site, params: {}, batch: 1, capacity: tokens, chunk });
  const leaves = treeLeaves(empty);
  const types = leaves.map(({ shape, dtype }): TensorType => ({ shape, dtype }));
  const make = await device.compile(trace(() => leaves, []));
  const steps = new Map<number, Program>();
  const stepOf = async (n: number): Promise<Program> => {
    const ints = (shape: readonly number[]): TensorType => ({ shape, dtype: 'i32' });
    const inputs = [
      { shape: [1, n, dModel], dtype: 'f32' } as const,
      ints([1, n]),
      ints([1]),
      ints([1]),
      ...types,
      ...params,
    ];
    const graph = trace((x, positions, starts, lengths, ...rest) => {
      const own = Object.fromEntries(specs.map(([name], i) => [name, rest[leaves.length + i]!]));
      const state = fillTree(empty, rest.slice(0, leaves.length));
      const made = runStep(mixer, {
        params: own,
        config,
        x: x!,
        positions: positions!,
        starts: starts!,
        lengths: lengths!,
        state,
      });
      return [made.y, ...treeLeaves(made.state)] as Tensor[];
    }, inputs);
    return device.compile(graph, { donate: leaves.map((_, i) => 4 + i) });
  };
  for (const n of new Set([Math.min(chunk, tokens), tokens % chunk])) if (n > 0) steps.set(n, await stepOf(n));
  const before = device.allocatedBytes;
  let state = make.run([]);
  for (let from = 0; from < tokens; from += chunk) {
    const n = Math.min(chunk, tokens - from);
    const ints = (values: readonly number[], shape: readonly number[]): Tensor =>
      device.upload(Int32Array.from(values), { shape, dtype: 'i32' });
    const given = [
      device.upload(filled([1, n, dModel]), { shape: [1, n, dModel], dtype: 'f32' }),
      ints(
        Array.from({ length: n }, (_, i) => from + i),
        [1, n],
      ),
      ints([0], [1]),
      ints([n], [1]),
    ];
    const [y, ...next] = steps.get(n)!.run([...given, ...state, ...params]);
    for (const value of await device.read(y!))
      if (!Number.isFinite(value)) throw new Error(`${mixer.name} gives ${value} near token ${from}.`);
    for (const tensor of [y!, ...given]) tensor.dispose();
    state = next;
  }
  const bytes = device.allocatedBytes - before;
  for (const tensor of [...state, ...params]) tensor.dispose();
  for (const program of [make, ...steps.values()]) program.dispose();
  return bytes;
}
