import type { Model, TokenDecoder } from '@tessera/assembler';
import { draftModel, promptLookup, speculative } from '@tessera/decoding-speculative';
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { loadModel } from '../load-model.ts';
import type { Terminal } from '../terminal/terminal.ts';

/** What proposes tokens. */
type SpeculativeSource = { readonly kind: 'lookup' } | { readonly kind: 'draft'; readonly directory: string };

/** Options about drafts. */
export interface SpeculativeOptions {
  readonly speculative?: SpeculativeSource;
}

/** Adds `--speculative`. */
export function addSpeculativeOption(command: Command): Command {
  return command.option(
    '--speculative <source>',
    'propose several tokens at once, for speed alone: lookup (in the text itself), or draft=<dir> (a smaller model)',
    sourceArgument,
  );
}

function sourceArgument(value: string): SpeculativeSource {
  if (value === 'lookup') return { kind: 'lookup' };
  const directory = value.startsWith('draft=') ? value.slice('draft='.length) : '';
  if (directory !== '') return { kind: 'draft', directory };
  throw new InvalidArgumentError(`expected lookup or draft=<dir>, not ${value}.`);
}

/** A decoder, with the model that it may have loaded. */
export interface LoadedDecoder {
  readonly decoder?: TokenDecoder;
  dispose(): Promise<void>;
}

/** The decoder that the options ask for. A draft model lives on the device of the target. */
export async function decoderOf(
  { speculative: source }: SpeculativeOptions,
  target: Model,
  terminal: Terminal,
): Promise<LoadedDecoder> {
  if (!source) return { dispose: () => Promise.resolve() };
  if (source.kind === 'lookup')
    return { decoder: speculative({ draft: promptLookup() }), dispose: () => Promise.resolve() };
  const draft = await loadModel(source.directory, { device: target.device }, terminal, 'draft');
  return { decoder: speculative({ draft: draftModel(draft) }), dispose: () => draft.dispose() };
}
