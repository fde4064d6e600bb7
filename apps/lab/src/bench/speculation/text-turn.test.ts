import { Model, estimateMemory } from '@tessera/assembler';
import { CpuDevice } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { graphOf } from '../model/shape.ts';
import { uploadWeights } from '../model/weights.ts';
import { speculationShapes } from './speculation-shape.ts';
import { gapOf, nearTie, turnOf } from './text-turn.ts';

test('a text that leaves the plain one is found, with how close the logits were', async () => {
  const [{ target }] = speculationShapes('dry') as [ReturnType<typeof speculationShapes>[number]];
  const graph = graphOf(target);
  const device = new CpuDevice();
  const estimate = estimateMemory(graph, 'f32', target.maxPositions);
  const params = uploadWeights(graph, 'f32', device);
  await using model = new Model({ graph, device, ownsDevice: true, params, estimate, loadMs: 0 });
  const prompt = [3, 1, 4, 1, 5];
  const { newTokenIds } = await model.generate(prompt, { temperature: 0, maxNewTokens: 6 });
  expect(await turnOf(model, prompt, newTokenIds, newTokenIds)).toBeUndefined();
  const other = newTokenIds.with(4, (newTokenIds[4]! + 1) % target.vocabSize);
  const turned = await turnOf(model, prompt, newTokenIds, other);
  expect(turned!.token).toBe(4);
  expect(turned!.gap).toBeGreaterThan(nearTie);
  expect((await turnOf(model, prompt, newTokenIds, newTokenIds.slice(0, -1)))!.token).toBe(5);
});

test('the gap is between the two largest logits, as a part of the largest magnitude', () => {
  expect(gapOf(Float32Array.of(1, -8, 4, 2))).toBe(0.25);
  expect(gapOf(Float32Array.of(2, 2, -1))).toBe(0);
});
