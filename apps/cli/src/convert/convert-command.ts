import type { SaveOptions } from '@tessera/assembler';
import { directorySource, openSafetensors } from '@tessera/checkpoints';
import { ModelFormatError, UnsupportedOptionError } from '@tessera/tensor-core';
import type { Command } from 'commander';
import { loadModel } from '../load-model.ts';
import { defineCommand } from '../options/define-command.ts';
import { integerArgument } from '../options/number-arguments.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { writeLine } from '../terminal/write-text.ts';

interface ConvertArguments {
  readonly dtype?: SaveOptions['dtype'];
  readonly adapter?: string;
  readonly maxShardBytes?: number;
  readonly check?: boolean;
  readonly json?: boolean;
}

const notes = `
Tensors keep their published names and layout; without --dtype also their element type, and then every byte.

Examples:
  tessera convert ./my-model ./copy --check
  tessera convert ./my-model ./half --dtype bf16
  tessera convert ./my-model ./merged --adapter ./my-adapter`;

/** `tessera convert`: loads a checkpoint and saves it. */
export function convertCommand(terminal: Terminal): Command {
  return defineCommand('convert', terminal)
    .description('Load a checkpoint and save it, as it is or with another element type.')
    .argument('<source>', 'directory of a checkpoint')
    .argument('<target>', 'directory to write')
    .option('--dtype <dtype>', 'element type of the saved weights: fp32, fp16 or bf16 (default: that of each tensor)')
    .option('--adapter <source>', 'directory or address of a LoRA adapter, merged into the weights')
    .option('--max-shard-bytes <n>', 'most bytes of weights in a file (default: 5e9)', integerArgument(1))
    .option('--check', 'compare the tensors of both directories byte by byte; fails where one differs')
    .option('--json', 'one line of JSON')
    .addHelpText('after', notes)
    .action((source: string, target: string, given: ConvertArguments) => convert(source, target, given, terminal));
}

async function convert(source: string, target: string, given: ConvertArguments, terminal: Terminal): Promise<void> {
  if (given.check && given.dtype !== undefined)
    throw new UnsupportedOptionError('--check compares bytes, and --dtype changes them. Give one of them.');
  if (given.check && given.adapter !== undefined)
    throw new UnsupportedOptionError('--check compares bytes, and --adapter changes them. Give one of them.');
  const { adapter } = given;
  const model = await loadModel(
    source,
    { device: 'cpu', dtype: 'auto', ...(adapter !== undefined && { adapter }) },
    terminal,
  );
  try {
    const { dtype, maxShardBytes } = given;
    await model.save(target, { signal: terminal.signal, dtype, maxShardBytes });
  } finally {
    await model.dispose();
  }
  const compared = given.check ? await compare(source, target, terminal.signal) : undefined;
  const line = given.json
    ? JSON.stringify({ source, target, ...compared })
    : `${source} is saved as ${target}${compared ? `: ${compared.identical} of ${compared.tensors} tensors are the same bytes` : ''}`;
  await writeLine(terminal.stdout, line);
  if (compared && compared.different.length > 0)
    throw new ModelFormatError(
      `${target}: ${compared.different.join(', ')} ${compared.different.length === 1 ? 'is' : 'are'} not what ${source} has.`,
      {
        facts: { different: compared.different },
      },
    );
}

interface Comparison {
  readonly tensors: number;
  readonly identical: number;
  /** Names that only one directory has, or whose type, shape or bytes differ. */
  readonly different: readonly string[];
}

async function compare(source: string, target: string, signal: AbortSignal): Promise<Comparison> {
  const before = await openSafetensors(await directorySource(source), { signal });
  const after = await openSafetensors(await directorySource(target), { signal });
  try {
    const names = new Set([...before.tensors.keys(), ...after.tensors.keys()]);
    const different: string[] = [];
    for (const name of names) {
      const [a, b] = [before.tensors.get(name), after.tensors.get(name)];
      const alike = a && b && a.dtype === b.dtype && a.shape.join() === b.shape.join();
      if (!alike || Buffer.compare(await before.read(name, { signal }), await after.read(name, { signal })) !== 0)
        different.push(name);
    }
    return { tensors: names.size, identical: names.size - different.length, different };
  } finally {
    await before.close();
    await after.close();
  }
}
