import type { Model } from '@tessera/assembler';
import { createAssembler } from '@tessera/assembler';
import { softmax } from '@tessera/attention-softmax';
import { feedForward } from '@tessera/feedforward';
import { requestWebGpu } from '@tessera/kernels-webgpu';
import { norms } from '@tessera/norms';
import { CpuDevice } from '@tessera/tensor-core';
import type { Report } from '../protocol.ts';
import { chooseDevice } from './choose-device.ts';

// #region load
const assembler = createAssembler({
  plugins: [softmax, norms, feedForward],
  backends: { webgpu: () => requestWebGpu() },
});

/** Loads the model at an address, and tells how far it is. */
export async function loadModel(address: string, wish: string, tell: (report: Report) => void): Promise<Model> {
  const { device, notice } = await chooseDevice(wish);
  const model = await assembler.load(address, {
    // The policy of this page forbids WebAssembly: the processor multiplies without it, and does not try.
    device: device === 'cpu' ? new CpuDevice({ simd: false }) : device,
    onProgress: (event) => {
      if (event.type === 'total')
        tell({ type: 'progress', doing: download(event.loaded, event.total), ratio: event.ratio });
    },
  });
  tell({ type: 'ready', device: { kind: model.device.kind, name: model.device.name, notice } });
  return model;
}
// #endregion load

const megabyte = 1e6;

function download(loaded: number, total: number): string {
  return `Loading the model: ${(loaded / megabyte).toFixed(1)} of ${(total / megabyte).toFixed(1)} MB`;
}
