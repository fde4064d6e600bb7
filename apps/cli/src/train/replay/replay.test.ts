import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { changeJson, copyOf } from '../../testing/checkpoints.test-support.ts';
import { runTessera } from '../../testing/run-tessera.test-support.ts';
import { lossTolerance, normTolerance, worstDeviation } from './deviations.ts';

const trajectory = (name: string): string =>
  fileURLToPath(new URL(`../../../../conformance/training/${name}`, import.meta.url));

type Json = Record<string, unknown>;

describe('train --replay', () => {
  // Far closer than what is allowed: Muon rounds to bf16, where a last bit may fall the other way.
  test.each([
    ['llama-adamw', 2e-5],
    ['gpt2-sgd', 2e-6],
    ['phi3-muon', 2e-3],
  ])('%s is trained as PyTorch trains it', async (name, tolerance) => {
    const { status, stdout } = await runTessera(['train', '--replay', trajectory(name), '--device', 'cpu', '--json']);
    expect(status).toBe(0);
    const made = JSON.parse(stdout) as { loss: { relative: number }; gradientNorm: { relative: number } };
    expect(made).toMatchObject({ family: name, device: 'cpu', steps: 20, ok: true });
    expect(made.loss.relative).toBeLessThan(tolerance);
    expect(made.gradientNorm.relative).toBeLessThan(tolerance);
  });

  test('another trajectory fails, with the step that is farthest off', async () => {
    const directory = await copyOf(trajectory('llama-adamw'));
    await changeJson(directory, 'trajectory.json', (json) => {
      (json['loss'] as number[])[3]! += 0.02;
    });
    const { status, stdout } = await runTessera(['train', '--replay', directory, '--device', 'cpu', '--steps', '6']);
    expect(status).toBe(1);
    expect(stdout).toMatch(/^FAILED llama-adamw on CPU .*: 6 steps, loss within 0\.47 % \(step 4, 0\.2 % allowed\)/);
  });

  test.each<[string, (json: Json) => void, string]>([
    ['an unknown field', (json) => (json['ema'] = 0.99), 'trajectory.json: ema is not understood, expected '],
    [
      'an unknown optimiser',
      (json) => ((json['optimizer'] as Json)['name'] = 'Lion'),
      'trajectory.json: optimizer: name is "Lion", expected "AdamW", "SGD" or "Muon on 2-D tensors',
    ],
    [
      'an unknown setting',
      (json) => ((json['optimizer'] as Json)['fused'] = true),
      'trajectory.json: optimizer: fused is not understood, expected name, betas, lr, eps, weight_decay',
    ],
    [
      'a setting that is not honoured',
      (json) => ((json['optimizer'] as Json)['amsgrad'] = true),
      'trajectory.json: optimizer: amsgrad is true, expected false.',
    ],
    [
      'a weight decay of other tensors',
      (json) => ((json['optimizer'] as Json)['weight_decay'] = '0.1 on biases'),
      'trajectory.json: optimizer: weight_decay is "0.1 on biases", expected a number, or "0.1 on tensors',
    ],
    [
      'a schedule in other words',
      (json) => (json['schedule'] = 'lr halved every 10 steps'),
      'trajectory.json: schedule is "lr halved every 10 steps", expected "constant", or "lr scaled by',
    ],
    [
      'a schedule of other variables',
      (json) => (json['schedule'] = 'lr scaled by min(1,epoch), step from 0'),
      '"epoch" is not understood',
    ],
    [
      'other targets',
      (json) => (json['tokens'] = 'bytes; input = batch, target = batch'),
      'trajectory.json: tokens is "bytes; input = batch, target = batch", expected ',
    ],
    [
      'another size of batches',
      (json) => (json['context'] = 23),
      'batches is I64 [20, 2, 25], expected I64 [20, 2, 24]',
    ],
    [
      'fewer norms than losses',
      (json) => (json['grad_norm'] as number[]).pop(),
      'trajectory.json: grad_norm is 19, expected as many numbers as loss has, which is 20.',
    ],
    ['a field that is missing', (json) => delete json['schedule'], 'trajectory.json: schedule is missing.'],
  ])('%s is refused by name', async (_, change, message) => {
    const directory = await copyOf(trajectory('llama-adamw'));
    await changeJson(directory, 'trajectory.json', (json) => {
      change(json);
    });
    const { status, stderr } = await runTessera(['train', '--replay', directory, '--device', 'cpu']);
    expect(status).toBe(1);
    expect(stderr).toContain(message);
    expect(stderr).toContain('code: MODEL_FORMAT');
  });
});

test('the step that takes most of its tolerance counts', () => {
  const expected = Array.from({ length: 50 }, () => 1);
  const made = expected.with(9, 1.0015).with(44, 1.003);
  expect(worstDeviation(made, expected, lossTolerance)).toMatchObject({ step: 10, tolerance: 0.002, ok: true });
  expect(worstDeviation(made.with(44, 1.006), expected, lossTolerance)).toMatchObject({ step: 45, ok: false });
  expect(worstDeviation(expected.with(19, 1.02).with(30, 1.1), expected, normTolerance)).toMatchObject({
    step: 20,
    ok: false,
  });
});
