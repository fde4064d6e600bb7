// The code of docs/guides/generate-text.md. Its output is shown there.
// #region load
import { createAssembler } from '@tessera/assembler';
import { softmax } from '@tessera/attention-softmax';
import { feedForward } from '@tessera/feedforward';
import { norms } from '@tessera/norms';

const assembler = createAssembler({ plugins: [softmax, norms, feedForward] });
await using model = await assembler.load('apps/models/llama-4m');
for await (const { text } of model.stream('ROMEO:\n', { maxNewTokens: 16 })) process.stdout.write(text);
// #endregion load

console.log('\n');

// #region generate
const result = await model.generate('ROMEO:\n', {
  maxNewTokens: 60,
  temperature: 0.8,
  topP: 0.95,
  seed: 1,
  stop: '\n\n',
});
console.log(result.text);
console.log(
  `${result.finishReason} by ${JSON.stringify(result.stoppedBy)} after ${result.usage.completionTokens} tokens`,
);
// #endregion generate

console.log();

// #region leave
let written = '';
for await (const { text } of model.stream('ROMEO:\n')) {
  written += text;
  if (written.length > 20) break; // no further token is computed
}
// #endregion leave
console.log(JSON.stringify(written));

// #region abort
const controller = new AbortController();
const answer = model.generate('ROMEO:\n', { maxNewTokens: 400, signal: controller.signal });
setTimeout(() => controller.abort(new Error('the user pressed Stop')), 20);
await answer.catch((reason: Error) => console.log(reason.message));
// #endregion abort

console.log();

// #region speculate
import { promptLookup, speculative } from '@tessera/decoding-speculative';

const prompt = 'CITIZENS:\nSpeak, speak.\n\nFirst Citizen:\nSpeak, speak.\n\nSecond Citizen:\nSpeak, speak';
const plain = await model.generate(prompt, { maxNewTokens: 40 });
const drafted = await model.generate(prompt, {
  maxNewTokens: 40,
  decoder: speculative({ draft: promptLookup() }),
});
console.log(drafted.text === plain.text, drafted.speculation);
// #endregion speculate

console.log();

// #region errors
import { isTesseraError } from '@tessera/tensor-core';

try {
  await model.generate('ROMEO:\n', { maxNewTokens: 1000 });
} catch (error) {
  if (!isTesseraError(error)) throw error;
  console.log(error.code, error.facts);
  console.log(error.message);
}
// #endregion errors

console.log();

// #region memory
const { parameters, weightBytes, stateBytes, contextLength } = model.memory;
console.log(
  `${parameters} parameters, ${weightBytes} bytes of weights, ${stateBytes} of state for ${contextLength} positions`,
);

const options = { contextLength: 128, memoryLimit: 8 * 2 ** 20 };
await assembler
  .load('apps/models/llama-4m', { ...options, dtype: 'fp32' })
  .catch((error: Error) => console.log(error.message));
await using small = await assembler.load('apps/models/llama-4m', options); // 16-bit weights, as the files have them
console.log(`${small.memory.totalBytes} bytes`);
// #endregion memory
