import type { MixerCapabilities } from '@tessera/assembler';
import { layerSlots } from '@tessera/plugin';
import type { LayerSpec } from '@tessera/plugin';
import { showBytes, showCount } from '../terminal/numbers.ts';
import { textTable } from '../terminal/text-table.ts';
import type { Description } from './description.ts';
import { showRanges } from './layer-groups.ts';
import { showSettings } from './show-settings.ts';
import type { StateFacts } from './state-facts.ts';
import type { TokenizerFacts } from './tokenizer-facts.ts';

/** A description for people. */
export function printDescription(description: Description): string {
  const { directory, modelType, spec, parameters, memory, state, tokenizer, mixers, checkpoint, warnings } =
    description;
  const { finalNorm, layers: count, ...rest } = spec;
  const head = [
    `${directory}: ${modelType ?? 'unknown type'}, ${showCount(parameters)} parameters, ${count} layers`,
    showSettings(rest),
    `weights: ${showCount(checkpoint.tensors)} tensors, ${checkpoint.dtypes.join(', ')}, ${showBytes(checkpoint.bytes)} in ${checkpoint.files.join(', ')}`,
    tokenizerLine(tokenizer),
    stateLine(state),
  ];
  const memoryRows = Object.entries(memory).map(([dtype, { weightBytes, totalBytes }]) => [
    dtype,
    showBytes(weightBytes),
    showBytes(totalBytes),
  ]);
  const finalRow = finalNorm ? [['', 'finalNorm', finalNorm.type, showSettings(finalNorm.config)]] : [];
  const sections = [
    head.join('\n'),
    textTable(['layers', 'part', 'type', 'settings'], [...description.layers.flatMap(layerRows), ...finalRow]),
    textTable(['dtype', 'weights', 'with state'], memoryRows),
    capabilityText(mixers),
    warnings.map((warning) => `note: ${warning}`).join('\n'),
  ];
  return sections.filter((section) => section !== '').join('\n\n');
}

/** What mixers can do, as a table. */
export function capabilityText(
  mixers: readonly (MixerCapabilities & { readonly growth?: readonly string[]; readonly layers?: readonly number[] })[],
): string {
  const used = mixers.some(({ layers }) => layers !== undefined);
  const headings = ['mixer', ...(used ? ['layers', 'state'] : []), 'decoding', 'trees', 'rollback', 'reads'];
  const rows = mixers.map(({ name, decoding, trees, rollback, reads, growth, layers }) => [
    name,
    ...(used ? [showRanges(layers ?? []), growth?.join(', ') || 'none'] : []),
    decoding ? 'yes' : 'no',
    trees,
    rollback,
    reads.join(', ') || 'none',
  ]);
  return textTable(headings, rows);
}

function layerRows({ indices, layer }: { readonly indices: readonly number[]; readonly layer: LayerSpec }): string[][] {
  const { residual, residualMultiplier } = layer;
  const rows = layerSlots.flatMap((name) => {
    const part = layer[name];
    return part ? [['', name, part.type, showSettings(part.config)]] : [];
  });
  if (residual === 'parallel') rows.push(['', 'residual', 'parallel', '']);
  if (residualMultiplier !== undefined && residualMultiplier !== 1)
    rows.push(['', 'residual', `× ${residualMultiplier}`, '']);
  if (rows[0]) rows[0][0] = showRanges(indices);
  return rows;
}

function stateLine(state: StateFacts | null): string {
  if (!state) return 'state: none, the model does not generate';
  const { growth, bytesPerToken, bytes, contextLength } = state;
  return `state: ${growth}, ${showBytes(bytesPerToken)} per token, ${showBytes(bytes)} for ${showCount(contextLength)} positions`;
}

function tokenizerLine(tokenizer: TokenizerFacts | null): string {
  if (!tokenizer) return 'tokenizer: none';
  const { vocabSize, specialTokens, bosId, eosId, padId, modelMaxLength, chatTemplate } = tokenizer;
  const ids = Object.entries({ bos: bosId, eos: eosId, pad: padId }).flatMap(([name, id]) =>
    id === null ? [] : [`${name} ${id}`],
  );
  return [
    `tokenizer: ${showCount(vocabSize)} ids`,
    `${specialTokens} special`,
    ...ids,
    ...(modelMaxLength === null ? [] : [`at most ${showCount(modelMaxLength)} tokens`]),
    chatTemplate ? 'a chat template' : 'no chat template',
  ].join(', ');
}
