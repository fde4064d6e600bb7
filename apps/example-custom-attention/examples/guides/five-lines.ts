// The code of the repository's README. Its output is shown there.
// #region code
import { createAssembler } from '@tessera/assembler';
import { softmax } from '@tessera/attention-softmax';
import { feedForward } from '@tessera/feedforward';
import { norms } from '@tessera/norms';

const assembler = createAssembler({ plugins: [softmax, norms, feedForward] });
await using model = await assembler.load('apps/models/llama-4m');
for await (const { text } of model.stream('ROMEO:\n', { maxNewTokens: 16 })) process.stdout.write(text);
// #endregion code
