// The page of docs/guides/generate-text.md.
// #region page
import { createAssembler } from '@tessera/assembler';
import { softmax } from '@tessera/attention-softmax';
import { feedForward } from '@tessera/feedforward';
import { norms } from '@tessera/norms';

/** Answers a prompt with the model in a folder that was picked by `<input type="file" webkitdirectory>`. */
export async function answer(files: readonly File[], prompt: string, output: HTMLElement): Promise<void> {
  const assembler = createAssembler({ plugins: [softmax, norms, feedForward] });
  await using model = await assembler.load(files, {
    onProgress: ({ ratio }) => (output.textContent = `${Math.round(100 * ratio)} %`),
  });
  output.textContent = '';
  for await (const { text } of model.stream(prompt, { maxNewTokens: 16 })) output.append(text);
}
// #endregion page
