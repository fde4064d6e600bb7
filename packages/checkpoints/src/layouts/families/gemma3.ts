import type { CheckpointLayout } from '@tessera/plugin';
import { makeLayout } from '../make-layout.ts';
import { readGenericFields } from '../generic-fields.ts';
import { readGemma3Text } from './gemma3-text.ts';

/** Fields of the image part. */
const imageFields: readonly string[] = [
  'vision_config', 'mm_tokens_per_image', 'boi_token_index', 'eoi_token_index', 'image_token_index', 'boi_token_id',
  'eoi_token_id', 'image_token_id',
]; // prettier-ignore

/** Gemma 3 for text and images: its text part alone. */
export const gemma3: CheckpointLayout = makeLayout({
  modelType: 'gemma3',
  ignored: [/^(?:model\.)?(?:vision_tower|multi_modal_projector)\./],
  read(reader, options) {
    reader.inert(imageFields);
    const text = reader.record('text_config');
    if (!text) throw reader.wrong('text_config', 'the record of the text part');
    readGenericFields(text);
    const model = readGemma3Text(text, options);
    text.inert(['bos_token_id', 'eos_token_id', 'pad_token_id', 'tie_word_embeddings']);
    text.finish();
    if (reader.has('vision_config')) reader.warn('vision_config', 'which is left out: only text is read.');
    return {
      ...model,
      prefixes: ['language_model.model.', 'model.language_model.'],
      head: {
        ...model.head,
        names: ['language_model.lm_head.weight', 'lm_head.weight'],
        tied: reader.bool('tie_word_embeddings', true),
      },
    };
  },
});
