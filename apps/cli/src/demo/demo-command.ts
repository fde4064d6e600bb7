import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { FeatureUnavailableError } from '@tessera/tensor-core';
import type { Command } from 'commander';
import { generationSummary } from '../generate/generation-summary.ts';
import { streamGeneration } from '../generate/stream-generation.ts';
import { loadModel } from '../load-model.ts';
import { defineCommand } from '../options/define-command.ts';
import type { ModelOptions } from '../options/model-options.ts';
import { addDeviceOptions } from '../options/model-options.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { writeLine, writeText } from '../terminal/write-text.ts';

const directory = fileURLToPath(new URL('../../../models/llama-4m', import.meta.url));

const settings = { maxNewTokens: 120, temperature: 0.8, seed: 7, ignoreEos: true } as const;

const next = String.raw`Try next:
  pnpm tessera generate --model apps/models/llama-4m --prompt "JULIET:\n" --escapes --temperature 0.8 --seed 1
  pnpm tessera inspect apps/models/llama-4m
  pnpm tessera verify apps/conformance/cases/*`;

/** `tessera demo`: a small model that writes something like Shakespeare. */
export function demoCommand(terminal: Terminal): Command {
  const command = defineCommand('demo', terminal).description('Let the small model of the repository write a scene.');
  return addDeviceOptions(command).action((given: ModelOptions) => demo(given, terminal));
}

async function demo(given: ModelOptions, terminal: Terminal): Promise<void> {
  if (!existsSync(directory))
    throw new FeatureUnavailableError(
      'The demo runs inside the repository, whose small model it uses. Use tessera generate with a model of yours.',
    );
  const { stdout } = terminal;
  const model = await loadModel(directory, given, terminal);
  try {
    const { device, memory } = model;
    await writeLine(
      stdout,
      `llama-4m, ${(memory.parameters / 1e6).toFixed(1)} million parameters, on ${device.kind} (${device.name})\n`,
    );
    const prompt = 'ROMEO:\n';
    await writeText(stdout, prompt);
    const options = { ...settings, signal: terminal.signal };
    const { result, aborted } = await streamGeneration(model, prompt, options, (text) => writeText(stdout, text));
    await writeLine(stdout, `\n\n${generationSummary(model, result)}`);
    if (aborted) throw aborted.reason;
    await writeLine(stdout, `\n${next}`);
  } finally {
    await model.dispose();
  }
}
