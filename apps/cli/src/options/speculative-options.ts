import { resolve } from 'node:path';
import type { Model, TokenDecoder } from '@tessera/assembler';
import { draftModel, loadMedusaHeads, medusaHeads, promptLookup, speculative } from '@tessera/decoding-speculative';
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { loadModel } from '../load-model.ts';
import type { Terminal } from '../terminal/terminal.ts';

/** What proposes tokens. */
type SpeculativeSource =
  | { readonly kind: 'lookup' }
  | { readonly kind: 'draft'; readonly directory: string }
  // Without a directory they are looked for beside the model.
  | { readonly kind: 'heads'; readonly directory?: string };

/** Options about drafts. */
export interface SpeculativeOptions {
  readonly speculative?: SpeculativeSource;
}

/** Adds `--speculative`. */
export function addSpeculativeOption(command: Command): Command {
  return command.option(
    '--speculative <source>',
    'propose several tokens at once, for speed alone: lookup (in the text itself), draft=<dir> (a smaller model), or heads=<dir> (heads of the model itself, of train-heads; heads alone takes those of the directory beside the model that is called like it with -heads behind)',
    sourceArgument,
  );
}

function sourceArgument(value: string): SpeculativeSource {
  if (value === 'lookup' || value === 'heads') return { kind: value };
  const [, kind, directory] = /^(draft|heads)=(.+)$/s.exec(value) ?? [];
  if (directory !== undefined) return { kind: kind as 'draft' | 'heads', directory };
  throw new InvalidArgumentError(`expected lookup, draft=<dir>, heads or heads=<dir>, not ${value}.`);
}

/** A decoder, with what was loaded for it. */
export interface LoadedDecoder {
  readonly decoder?: TokenDecoder;
  dispose(): Promise<void>;
}

/** The decoder that the options ask for. A draft model lives on the device of the target, which was loaded from `model`. */
export async function decoderOf(
  { speculative: source, model }: SpeculativeOptions & { readonly model: string },
  target: Model,
  terminal: Terminal,
): Promise<LoadedDecoder> {
  if (!source) return { dispose: () => Promise.resolve() };
  if (source.kind === 'lookup')
    return { decoder: speculative({ draft: promptLookup() }), dispose: () => Promise.resolve() };
  if (source.kind === 'heads') {
    const heads = await loadMedusaHeads(target, source.directory ?? headsBeside(model), { signal: terminal.signal });
    return { decoder: speculative({ draft: medusaHeads(heads) }), dispose: async () => heads.dispose() };
  }
  const draft = await loadModel(source.directory, { device: target.device }, terminal, 'draft');
  return { decoder: speculative({ draft: draftModel(draft) }), dispose: () => draft.dispose() };
}

/** Where the heads of a model are that stand beside it, which may be a directory or an address. */
export function headsBeside(model: string): string {
  if (!/^(https?|file):\/\//i.test(model)) return `${resolve(model)}-heads`;
  const address = new URL(model);
  address.pathname = `${address.pathname.replace(/\/+$/, '')}-heads`;
  return address.href;
}
