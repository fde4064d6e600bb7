import { groupedLatentAttention, groupedTiedAttention, multiHeadLatentAttention } from '@tessera/attention-latent';
import { softmaxAttention } from '@tessera/attention-softmax';
import type { AnyMixer, MixerUse } from '@tessera/plugin';
import { decodingOf, validate } from '@tessera/plugin';
import { CpuDevice, bytesPerElement, fillTree, fromHost, sizeOf, trace, treeLeaves } from '@tessera/tensor-core';
import type { HostArray, Tensor, TensorType } from '@tessera/tensor-core';
import type { CaseInput, KernelCase, Sample } from '../kernel-case.ts';
import type { Scale } from '../scale.ts';

/** A mixer, and the sizes of its step. */
interface StepShape {
  readonly name: string;
  readonly use: MixerUse;
  readonly dModel: number;
  /** Positions that the cache holds before the step. */
  readonly context: number;
  /** Elements kept of a position. */
  readonly width: number;
  /** Multiply-adds that a position costs. */
  readonly pairs: number;
}

const i32 = (...values: number[]): Tensor => fromHost(Int32Array.from(values), [values.length]);

/**
 * The whole step of a mixer for one token: projections, the write into the cache, attention over it, the output map. Its cache goes from
 * run to run and is written in place; each run writes the same slot again, since what counts the entries stays as it was.
 */
function stepCase({ name, use: { mixer, config: given }, dModel, context, width, pairs }: StepShape): KernelCase {
  const decoding = decodingOf(mixer);
  const config = validate<object>((mixer as AnyMixer).config, given, 'config');
  const site = { config, dModel, layer: 0, layers: 1 };
  const empty = decoding.init({ ...site, batch: 1, capacity: context + 128, chunk: 1, params: {} });
  const leaves = treeLeaves(empty);
  // The count of entries is a number for each row of the batch; all else goes on.
  const carried = leaves.flatMap(({ rank }, leaf) => (rank > 1 ? [leaf] : []));
  const specs = Object.entries(mixer.params(site) as Record<string, { readonly shape: readonly number[] }>);
  const positions = (slots: number): Int32Array =>
    Int32Array.from({ length: slots }, (_, slot) => (slot < context ? slot : -1));
  const cache = carried.map((leaf): CaseInput => {
    const { shape, dtype } = leaves[leaf]!;
    return dtype === 'i32' ? { shape, dtype, values: positions(shape[1]!) } : { shape, dtype };
  });
  const params = specs.map(([, { shape }]): CaseInput =>
    shape.length > 1
      ? { shape, dtype: 'f16', scale: 1.2 * shape.at(-1)! ** -0.5 }
      : { shape, dtype: 'f32', values: new Float32Array(sizeOf(shape)).fill(1) },
  );
  const inputs: CaseInput[] = [{ shape: [1, 1, dModel], dtype: 'f32' }, ...cache, ...params];
  const build = ([x, ...rest]: readonly Tensor[]): Tensor[] => {
    const state = fillTree(
      empty,
      leaves.map((_, leaf) => (carried.includes(leaf) ? rest[carried.indexOf(leaf)]! : i32(context))),
    );
    const step = {
      params: Object.fromEntries(specs.map(([key], index) => [key, rest[carried.length + index]!])),
      config,
      x,
      positions: fromHost(Int32Array.of(context), [1, 1]),
      starts: i32(0),
      lengths: i32(1),
      state,
    };
    const made = decoding.step(step as Parameters<typeof decoding.step>[0]);
    const after = treeLeaves(made.state);
    return [...carried.map((leaf) => after[leaf]!), made.y];
  };
  const weights = params.reduce((total, { shape, dtype }) => total + sizeOf(shape) * bytesPerElement(dtype), 0);
  const numbers = params.reduce((total, { shape }) => total + (shape.length > 1 ? sizeOf(shape) : 0), 0);
  return {
    group: 'latent',
    shape: `${name}, whole step at ${context}`,
    dtype: 'f16',
    inputs,
    carried: carried.map((_, index) => ({ input: 1 + index, output: index })),
    build,
    units: 1,
    work: {
      bytes: weights + 4 * ((context + 2) * width + 2 * dModel),
      flops: 2 * numbers + 2 * (context + 1) * pairs,
    },
    check: (data) => onHost(build, inputs, data),
    tolerance: 5e-4,
  };
}

/** The last result of the same graph on the CPU in float64. */
async function onHost(
  build: (inputs: readonly Tensor[]) => readonly Tensor[],
  inputs: readonly CaseInput[],
  data: readonly HostArray[],
): Promise<Sample[]> {
  const cpu = new CpuDevice({ precision: 'f64' });
  const types: TensorType[] = inputs.map(({ shape, dtype }) => ({ shape, dtype }));
  const program = await cpu.compile(trace((...x) => [build(x).at(-1)!], types));
  const given = types.map((type, index) => fromHost(data[index]!.slice(), type.shape, type.dtype));
  const [y] = program.run(given);
  const values = await cpu.read(y!);
  cpu.dispose();
  return Array.from(values, (value, index) => ({ index, value }));
}

/** Mixers of one width over caches of keys and values, tied heads and latents. */
function shapesOf(
  { dModel, heads, headDim, kvHeads, latentDim, rotaryDim, queryRank }: Readonly<Record<string, number>>,
  context: number,
): StepShape[] {
  const [H, d, G, c, R] = [heads!, headDim!, kvHeads!, latentDim!, rotaryDim!];
  const own = { heads: H, headDim: d, rotary: {} };
  const latent = { ...own, rotaryDim: R, queryRank: queryRank! };
  const of = (name: string, use: MixerUse, width: number, pairs: number): StepShape => ({
    name,
    use,
    dModel: dModel!,
    context,
    width,
    pairs,
  });
  return [
    of(`GQA ${H}/${G} heads of ${d}`, softmaxAttention({ ...own, kvHeads: G }), 2 * G * d, 2 * H * d),
    of(`GTA ${H}/${G} heads of ${d}`, groupedTiedAttention({ ...own, kvHeads: G, rotaryDim: R }), G * d + R, 2 * H * d),
    of(`MLA ${H} heads, latent of ${c}`, multiHeadLatentAttention({ ...latent, latentDim: c }), c + R, H * (2 * c + R)),
    of(
      `GLA ${H} heads, 2 latents of ${c / 2}`,
      groupedLatentAttention({ ...latent, latentDim: c / 2, latentHeads: 2 }),
      c + R,
      H * (c + R),
    ),
  ];
}

/** Whole steps of one token, width 4096, 32 heads of 128, weights in f16 and caches in f32. */
export function latentStepCases(scale: Scale): KernelCase[] {
  if (scale === 'quick') return [];
  const sizes =
    scale === 'dry'
      ? { dModel: 16, heads: 4, headDim: 8, kvHeads: 2, latentDim: 16, rotaryDim: 4, queryRank: 8 }
      : { dModel: 4096, heads: 32, headDim: 128, kvHeads: 8, latentDim: 512, rotaryDim: 64, queryRank: 1536 };
  return shapesOf(sizes, scale === 'dry' ? 20 : 16_384).map(stepCase);
}
