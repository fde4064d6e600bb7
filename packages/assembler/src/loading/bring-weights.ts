import type { SafetensorsReader } from '@tessera/checkpoints';
import type { TensorRule } from '@tessera/plugin';
import type { DeviceSampling } from '@tessera/sampling';
import type { Device, Tensor } from '@tessera/tensor-core';
import { disposeTree } from '@tessera/tensor-core';
import { capacityFor, capacityOf } from '../generation/capacity.ts';
import type { LanguageModelGraph, ModelParams } from '../model/language-model.ts';
import { StepPrograms } from '../model/step-programs.ts';
import type { WeightDtype } from '../model/weight-dtype.ts';
import type { OnProgress } from '../progress.ts';
import { allocateWeights, storedDtypes, uploadWeights, weightsMeter, writeWeights } from './read-weights.ts';

/** What {@link bringWeights} is given. */
export interface BringWeightsCall {
  readonly device: Device;
  readonly graph: LanguageModelGraph;
  readonly dtype: WeightDtype;
  readonly reader: SafetensorsReader;
  /** Already checked against the file and the model. */
  readonly rules: readonly TensorRule[];
  /** Steps that are compiled while weights are read, where the device compiles beside the host; false: none. */
  readonly precompile:
    | { readonly positions: number; readonly contextLength: number; readonly sampling: DeviceSampling }
    | false;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: OnProgress | undefined;
}

/**
 * Reads the weights of a checkpoint onto a device. What was read is freed when it fails.
 * @returns the learned tensors, and the programs over them that were compiled
 */
export async function bringWeights(
  call: BringWeightsCall,
): Promise<{ readonly params: ModelParams; readonly programs: StepPrograms }> {
  const { device, graph, dtype, reader, rules, precompile, signal, onProgress } = call;
  const meter = weightsMeter(rules, reader, onProgress);
  if (device.onHost) {
    const params = await uploadWeights({ reader, rules, meter, signal }, { graph, device, dtype });
    meter.finish();
    return { params, programs: new StepPrograms(graph, params, device) };
  }
  const params = allocateWeights(graph, device, dtype, storedDtypes(rules, reader));
  const programs = new StepPrograms(graph, params, device);
  // A shader that does not compile ends the reading of gigabytes, too.
  const compilation = new AbortController();
  try {
    await accepted(device, params); // so that too little memory is told before anything is read
    const compiling = precompile && graph.stack.decoding ? prepare(precompile) : Promise.resolve();
    compiling.catch((error: unknown) => compilation.abort(error));
    const either = signal ? AbortSignal.any([signal, compilation.signal]) : compilation.signal;
    await writeWeights({ reader, rules, meter, signal: either }, { device, params });
    await accepted(device, params);
    await compiling;
    signal?.throwIfAborted();
    meter.finish();
    return { params, programs };
  } catch (error) {
    await programs.dispose();
    disposeTree(params);
    throw error;
  }

  function prepare({ positions, contextLength, sampling }: Exclude<typeof precompile, false>): Promise<void> {
    const capacity = capacityOf(graph.resolved, capacityFor(positions, contextLength, device));
    const size = { batch: 1, capacity };
    return programs.prepare(size, sampling, (ready, total) => meter.compiled(ready, total));
  }
}

/** A GPU tells errors after the call: reading something back brings those of what was asked before. */
async function accepted(device: Device, params: Readonly<Record<string, Tensor>>): Promise<void> {
  const [smallest] = Object.values(params).toSorted((a, b) => a.size - b.size);
  if (smallest) await device.read(smallest);
}
