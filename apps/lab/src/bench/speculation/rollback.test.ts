import { CpuDevice, fromHost } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import { graphOf } from '../model/shape.ts';
import { compileStart, compileStep, runStep, someIds } from '../model/steps.ts';
import { uploadWeights } from '../model/weights.ts';
import { compileRound } from './rollback.ts';
import { speculationShapes } from './speculation-shape.ts';

describe.each(speculationShapes('dry'))('$name', ({ target }) => {
  test('a round that is committed goes on as one that is not, where all stays, and forgets what does not', async () => {
    const graph = graphOf(target);
    const device = new CpuDevice();
    const placed = { graph, device, params: uploadWeights(graph, 'f32', device) };
    const room = { capacity: 24, chunk: 4 };
    const ids = someIds(12, target.vocabSize);
    const count = (value: number): Tensor => fromHost(Int32Array.of(value), [1]);
    const logitsAfter = async (
      rounds: readonly { commit: boolean; tokens: number; kept: number }[],
    ): Promise<ArrayLike<number>> => {
      let state: readonly Tensor[] = (await compileStart(placed, room)).run([]);
      let at = 0;
      for (const { tokens, kept, commit } of rounds) {
        const round = await compileRound(placed, room, { tokens, commit });
        const read = fromHost(ids.slice(at, at + tokens), [1, tokens]);
        [, ...state] = round.run([read, count(tokens), count(kept), ...state]);
        at += kept;
      }
      const step = await compileStep(placed, room, { n: 1, gives: 'logits' });
      return device.read(runStep(step, ids.subarray(at, at + 1), 1, state).given);
    };
    const plain = await logitsAfter([
      { commit: false, tokens: 4, kept: 4 },
      { commit: false, tokens: 2, kept: 2 },
    ]);
    const committed = await logitsAfter([
      { commit: true, tokens: 4, kept: 4 },
      { commit: true, tokens: 4, kept: 2 },
    ]);
    expectClose(committed, plain);
    device.dispose();
  });
});

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  for (let i = 0; i < expected.length; i++) expect(Math.abs(actual[i]! - expected[i]!)).toBeLessThan(1e-5);
}
