import { memorySink, memorySource } from '@tessera/checkpoints';
import { expect, test } from 'vitest';
import { softwareDevice } from '../software-device.test-data.ts';
import { assembler, smallSpec, someIds } from '../test-models.test-data.ts';

test('a model whose steps were compiled while its weights were read generates without compiling anything', async () => {
  const sink = memorySink();
  await using made = await assembler.assemble(smallSpec, { device: 'cpu', seed: 1 });
  await made.save(sink);
  const device = await softwareDevice();
  const stages: string[] = [];
  const onProgress = ({ type }: { type: string }): void => void stages.push(type);
  const model = await assembler.load(memorySource(sink.files), { device, onProgress });
  expect(stages.filter((type) => type === 'compile')).toHaveLength(3); // the state, steps of 32 entries, choices
  expect(stages.at(-1)).toBe('ready');
  const { pipelines } = device.counters;
  expect(pipelines).toBeGreaterThan(0);
  const prompt = someIds(20, smallSpec.vocabSize);
  const options = { maxNewTokens: 8 };
  const { newTokenIds } = await model.generate(prompt, options);
  expect(newTokenIds).toEqual((await made.generate(prompt, options)).newTokenIds);
  expect(device.counters.pipelines).toBe(pipelines);
  for (const [path, tensor] of Object.entries(model.params))
    expect(await device.read(tensor)).toEqual(await made.device.read(made.params[path]!));
  await model.dispose();
  expect(device.allocatedBytes).toBe(0);
  device.dispose();
  expect(device.held).toEqual({ buffers: 0, bytes: 0 });
});
