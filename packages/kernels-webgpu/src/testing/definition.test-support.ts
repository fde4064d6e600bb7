import type { Tensor } from '@tessera/tensor-core';
import { CpuDevice, fromHost, sizeOf, trace } from '@tessera/tensor-core';
import type { WebGpuDevice } from '../runtime/webgpu-device.ts';
import { testDevice } from './compare.test-support.ts';

/** Runs definitions, never kernels, in doubles. */
const oracle = new CpuDevice({ precision: 'f64', definitionsOnly: true });

/** What an expression of constants is, rounded to single precision once. */
export async function valueOf(x: Tensor): Promise<Tensor> {
  const [made] = (await oracle.compile(trace(() => [x], []))).run([]);
  return fromHost(Float32Array.from(await oracle.read(made!)), x.shape);
}

/** How a graph is run and judged. */
export interface DefinitionOptions {
  /** Dispatches that it takes; undefined: any number. */
  readonly dispatches?: number;
  /** Largest error, relative to 1 + |expected|. @defaultValue 1e-5 */
  readonly tolerance?: number;
  /** Where it is run. @defaultValue `testDevice()` */
  readonly device?: WebGpuDevice;
  /** Shapes of temporaries, whose memory is filled with NaN as that of the outputs is. */
  readonly temporaries?: readonly (readonly number[])[];
}

/**
 * Runs what `build` records on the GPU, over memory full of NaN, and tells where it is not what its definition gives in doubles.
 * Twice, since a program keeps its memory.
 */
export async function differencesFromDefinition(
  build: (...inputs: Tensor[]) => readonly Tensor[],
  inputs: readonly Tensor[],
  { dispatches, tolerance = 1e-5, device, temporaries = [] }: DefinitionOptions = {},
): Promise<string[]> {
  const gpu = device ?? (await testDevice());
  const graph = trace((...x) => build(...x), inputs);
  const types = graph.outputs.map((value) => graph.types[value]!);
  poison(gpu, [...types.map(({ shape }) => shape), ...temporaries]);
  const program = await gpu.compile(graph);
  const found: string[] = [];
  if (dispatches !== undefined && program.dispatches !== dispatches)
    found.push(`${program.dispatches} dispatches, not ${dispatches}`);
  const expected = (await oracle.compile(graph)).run(inputs);
  for (const run of ['first', 'second'])
    for (const [index, result] of program.run(inputs).entries()) {
      const want = await oracle.read(expected[index]!);
      const got = await gpu.read(result);
      result.dispose();
      const at = want.findIndex((value, i) => !(Math.abs(value - got[i]!) <= tolerance * (1 + Math.abs(value))));
      if (at >= 0 || got.length !== want.length)
        found.push(`${run} run, output ${index} at ${at} is ${got[at]}, expected ${want[at]}`);
    }
  program.dispose();
  return found;
}

/** Fills free memory for values of these shapes with NaN, so that what a shader leaves out shows in its results. */
function poison(gpu: WebGpuDevice, shapes: readonly (readonly number[])[]): void {
  const filled = shapes.flatMap((shape) => {
    const nothing = new Float32Array(sizeOf(shape)).fill(NaN);
    // More than one of each: outputs and temporaries may be of one size.
    return [0, 1, 2].map(() => gpu.upload(nothing, { shape, dtype: 'f32' }));
  });
  for (const tensor of filled) tensor.dispose();
}
