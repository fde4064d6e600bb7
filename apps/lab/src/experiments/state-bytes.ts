import {
  gatedDeltaProduct,
  lightningAttention,
  lightningSlopes,
  simpleGatedLinearAttention,
} from '@tessera/attention-linear';
import type { MixerUse, ParamSpec } from '@tessera/plugin';
import { decodingOf, runStep, validate } from '@tessera/plugin';
import type { Device, Program, Tensor, TensorType } from '@tessera/tensor-core';
import { fillTree, sizeOf, trace, treeLeaves } from '@tessera/tensor-core';
import { mixers } from './mixers.ts';

/** What the state of a mixer took. */
export interface StateBytesRow {
  readonly mixer: string;
  /** Tokens that it had read. */
  readonly tokens: number;
  /** Bytes of its buffers, as the device counts what it holds. */
  readonly bytes: number;
}

/** Of one layer: heads and their width; as wide as all heads together. */
const [heads, headDim] = [4, 16];
const dModel = heads * headDim;
/** Tokens of a step. */
const longestStep = 512;

function uses(): readonly (readonly [string, MixerUse])[] {
  const sizes = { keyDim: headDim, valueDim: headDim };
  return [
    ...Object.entries(mixers).map(([name, make]) => [name, make({ heads, headDim })] as const),
    ['lightning', lightningAttention({ heads, ...sizes, slopes: lightningSlopes(heads, 0, 2) })],
    ['simple-gla', simpleGatedLinearAttention({ heads, ...sizes })],
    ['gated-delta-product', gatedDeltaProduct({ keyHeads: heads, ...sizes })],
  ];
}

/**
 * Runs one layer of each mixer over so many tokens, and says what the buffers of its state hold then: the same for a state that is
 * constant, as many bytes more for each token for a cache.
 * @throws Error when an output is not a number
 */
export async function stateBytes(device: Device, tokens: number): Promise<StateBytesRow[]> {
  const rows: StateBytesRow[] = [];
  for (const [mixer, use] of uses()) rows.push({ mixer, tokens, bytes: await bytesAfter(use, device, tokens) });
  return rows;
}

async function bytesAfter({ mixer, config: given }: MixerUse, device: Device, tokens: number): Promise<number> {
  const config = validate<object>(mixer.config, given, 'config');
  const site = { config, dModel, layer: 0, layers: 1 };
  const specs = Object.entries(mixer.params(site) as Readonly<Record<string, ParamSpec>>);
  const filled = (shape: readonly number[]): Float32Array =>
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(1 + 7 * i) / 8);
  const params = specs.map(([, { shape }]) => device.upload(filled(shape), { shape, dtype: 'f32' }));
  const empty = decodingOf(mixer).init({ ...site, params: {}, batch: 1, capacity: tokens, chunk: longestStep });
  const leaves = treeLeaves(empty);
  const types = leaves.map(({ shape, dtype }): TensorType => ({ shape, dtype }));
  const ints = (shape: readonly number[]): TensorType => ({ shape, dtype: 'i32' });
  const start = await device.compile(trace(() => leaves, []));
  const compileStep = (n: number): Promise<Program> => {
    const x: TensorType = { shape: [1, n, dModel], dtype: 'f32' };
    const graph = trace(
      (...[first, positions, starts, lengths, ...rest]) => {
        const own = Object.fromEntries(specs.map(([name], i) => [name, rest[leaves.length + i]!]));
        const state = fillTree(empty, rest.slice(0, leaves.length));
        const call = { x: first!, positions: positions!, starts: starts!, lengths: lengths! };
        const made = runStep(mixer, { ...call, params: own, config, state });
        return [made.y, ...treeLeaves(made.state)] as Tensor[];
      },
      [x, ints([1, n]), ints([1]), ints([1]), ...types, ...params],
    );
    return device.compile(graph, { donate: leaves.map((_, i) => 4 + i) });
  };
  const lengths = new Set([Math.min(longestStep, tokens), tokens % longestStep].filter((n) => n > 0));
  const steps = new Map<number, Program>();
  for (const n of lengths) steps.set(n, await compileStep(n));
  const before = device.allocatedBytes;
  let state = start.run([]);
  for (let from = 0; from < tokens; from += longestStep) {
    const n = Math.min(longestStep, tokens - from);
    const upload = (values: Int32Array, shape: readonly number[]): Tensor => device.upload(values, ints(shape));
    const inputs = [
      device.upload(filled([1, n, dModel]), { shape: [1, n, dModel], dtype: 'f32' }),
      upload(
        Int32Array.from({ length: n }, (_, i) => from + i),
        [1, n],
      ),
      upload(Int32Array.of(0), [1]),
      upload(Int32Array.of(n), [1]),
    ];
    const [y, ...next] = steps.get(n)!.run([...inputs, ...state, ...params]);
    const values = await device.read(y!);
    if (!values.every((value) => Number.isFinite(value)))
      throw new Error(`${mixer.name}: an output after token ${from} is not a number.`);
    for (const tensor of [y!, ...inputs]) tensor.dispose();
    state = next;
  }
  const bytes = device.allocatedBytes - before;
  for (const tensor of [...state, ...params]) tensor.dispose();
  for (const program of [start, ...steps.values()]) program.dispose();
  return bytes;
}
