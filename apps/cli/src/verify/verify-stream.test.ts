import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { changeJson, copyOf, papersDirectory } from '../testing/checkpoints.test-support.ts';
import { runTessera } from '../testing/run-tessera.test-support.ts';
import type { Verdict } from './verdict.ts';

const tiny = join(papersDirectory, 'streaming_sinks_tiny');

async function verify(directory: string, ...more: string[]): Promise<{ status: number; verdict: Verdict }> {
  const { status, stdout } = await runTessera(['verify', directory, '--device', 'cpu', '--json', ...more]);
  return { status, verdict: JSON.parse(stdout) as Verdict };
}

/** A copy with another hparams.json. */
async function withSizes(sizes: object): Promise<string> {
  const directory = await copyOf(tiny);
  await changeJson(directory, 'hparams.json', () => sizes);
  return directory;
}

describe('a stream', () => {
  test('token by token, by chunks and what is kept at its end are compared', async () => {
    const { status, verdict } = await verify(tiny);
    expect(verdict).toMatchObject({ device: 'cpu', family: 'llama', pass: true });
    const { stream } = verdict;
    const differences = [stream!.steps, stream!.chunks!, stream!.finalCache!];
    for (const { relative } of differences) expect(relative).toBeLessThan(2e-6);
    expect(verdict.relative).toBe(Math.max(...differences.map(({ relative }) => relative)));
    expect(status).toBe(0);
  });

  test.each([
    ['one sink fewer', { start_size: 2, recent_size: 8 }],
    ['one token fewer in the window', { start_size: 3, recent_size: 6 }],
  ])('with %s than the reference does not pass', async (_, sizes) => {
    const { status, verdict } = await verify(await withSizes(sizes));
    expect(verdict.pass).toBe(false);
    expect(status).toBe(1);
  });

  test('whose sizes are no sizes is told of by the field', async () => {
    const { verdict } = await verify(await withSizes({ start_size: -1, recent_size: 7 }));
    expect(verdict.error).toBe(
      'hparams.json: start_size is -1, expected a whole number from 0. start_size and recent_size say what is kept of a stream.',
    );
  });

  test('has no gradients and no 16-bit weights to compare', async () => {
    expect((await verify(tiny, '--grads')).verdict.error).toContain('a stream has none');
    expect((await verify(tiny, '--dtype', 'bf16')).verdict.error).toContain('streams are compared in fp32');
  });

  test('of which nothing is read by chunks is compared token by token alone', async () => {
    const directory = await withSizes({ start_size: 3, recent_size: 7 });
    const file = join(directory, 'golden.safetensors');
    const bytes = readFileSync(file);
    writeFileSync(
      file,
      Buffer.from(bytes.toString('latin1').replace('"chunked_logits"', '"another_logits"'), 'latin1'),
    );
    const { verdict } = await verify(directory);
    expect(verdict).toMatchObject({ pass: true });
    expect(verdict.stream).not.toHaveProperty('chunks');
  });
});
