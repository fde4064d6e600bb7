import { createAssembler } from '@tessera/assembler';
import type { GenerateResult } from '@tessera/assembler';
import { linearAttention } from '@tessera/attention-linear';
import { softmax } from '@tessera/attention-softmax';
import { feedForward } from '@tessera/feedforward';
import { norms } from '@tessera/norms';

/** Loads a checkpoint and continues a text. */
export async function loadAndGenerate(directory: string, show: (line: string) => void): Promise<GenerateResult> {
  // #region load
  const assembler = createAssembler({ plugins: [softmax, linearAttention, feedForward, norms] });
  await using model = await assembler.load(directory, {
    device: 'cpu',
    memoryLimit: 2 ** 30,
    onProgress: ({ type, ratio }) => type === 'total' && show(`${Math.round(100 * ratio)} %`),
    onWarning: show,
  });
  const result = await model.generate('ROMEO:\n', { maxNewTokens: 16, stop: '\n' });
  // #endregion load
  return result;
}
