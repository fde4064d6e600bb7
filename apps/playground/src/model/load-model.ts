import type { Model } from '@tessera/assembler';
import { createAssembler } from '@tessera/assembler';
import { softmax } from '@tessera/attention-softmax';
import { feedForward } from '@tessera/feedforward';
import { requestWebGpu } from '@tessera/kernels-webgpu';
import { norms } from '@tessera/norms';
import { CpuDevice } from '@tessera/tensor-core';
import type { Report } from '../protocol.ts';
import { chooseDevice } from './choose-device.ts';
import { loadingProgress } from './loading-progress.ts';

// #region load
const assembler = createAssembler({
  plugins: [softmax, norms, feedForward],
  backends: { webgpu: () => requestWebGpu() },
});

/** Loads the model at an address, or brings back a `former` one that lost its device, and tells how far that is. */
export async function loadModel(
  address: string,
  wish: string,
  former: Model | undefined,
  tell: (report: Report) => void,
): Promise<Model> {
  const choice = await chooseDevice(wish);
  const options = {
    // The policy of this page forbids WebAssembly: the processor multiplies without it, and does not try.
    device: choice.device === 'cpu' ? new CpuDevice({ simd: false }) : choice.device,
    onProgress: loadingProgress(choice.device === 'webgpu', tell),
  };
  await former?.reload(options);
  const model = former ?? (await assembler.load(address, options));
  const { kind, name, lost } = model.device;
  void lost?.then(({ message }) => tell({ type: 'gone', sentence: message }));
  tell({ type: 'ready', device: { kind, name, notice: choice.notice } });
  return model;
}
// #endregion load
