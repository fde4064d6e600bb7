// Generation on a GPU in Node, as the guide shows it. The tests run it on an adapter in software.
import { feedForward } from '@tessera/feedforward';
import { norms } from '@tessera/norms';
// #region gpu
import { createAssembler } from '@tessera/assembler';
import { softmax } from '@tessera/attention-softmax';
import { requestWebGpu } from '@tessera/kernels-webgpu';
import { create, globals } from 'webgpu';

Object.assign(globalThis, globals);
const gpu = create([]); // to be kept while a model lives
const assembler = createAssembler({
  plugins: [softmax, norms, feedForward],
  backends: { webgpu: () => requestWebGpu({ gpu }) },
});
await using model = await assembler.load('apps/models/llama-4m');
console.log(model.device.kind, model.device.name);
// #endregion gpu
const { text } = await model.generate('ROMEO:\n', { maxNewTokens: 16 });
console.log(text);
