import { arrayAt, fieldError, kindOf, own, recordAt } from '../format/field-check.ts';
import type { JsonRecord } from '../format/field-check.ts';
import { limits } from './limits.ts';

/** Tokens that stand around an encoded text when special tokens are asked for. */
export interface SpecialFrame {
  readonly before: readonly string[];
  readonly after: readonly string[];
}

const file = 'tokenizer.json';
const nothing: SpecialFrame = { before: [], after: [] };

function templateFrame(processor: JsonRecord, field: string): SpecialFrame {
  const before: string[] = [];
  const after: string[] = [];
  let side = before;
  const special = recordAt(own(processor, 'special_tokens') ?? {}, file, `${field}.special_tokens`);
  for (const [index, value] of arrayAt(
    own(processor, 'single'),
    file,
    `${field}.single`,
    limits.components,
  ).entries()) {
    const item = recordAt(value, file, `${field}.single[${index}]`);
    if (own(item, 'Sequence') !== undefined) {
      side = after;
      continue;
    }
    const token = own(recordAt(own(item, 'SpecialToken'), file, `${field}.single[${index}].SpecialToken`), 'id');
    if (typeof token !== 'string')
      throw fieldError(file, `${field}.single[${index}].SpecialToken.id`, `is ${kindOf(token)}, expected a string.`);
    // One name may stand for several tokens.
    const named = own(special, token);
    const tokens =
      named === undefined
        ? [token]
        : arrayAt(
            own(recordAt(named, file, `${field}.special_tokens`), 'tokens') ?? [token],
            file,
            `${field}.special_tokens[${kindOf(token)}].tokens`,
            limits.components,
          );
    for (const name of tokens) {
      if (typeof name !== 'string')
        throw fieldError(
          file,
          `${field}.special_tokens[${kindOf(token)}].tokens`,
          `holds ${kindOf(name)}, expected strings.`,
        );
      side.push(name);
    }
  }
  return { before, after };
}

function pairFrame(processor: JsonRecord, field: string): SpecialFrame {
  const named = (name: string): string[] => {
    const token = arrayAt(own(processor, name), file, `${field}.${name}`, 2)[0];
    if (typeof token !== 'string')
      throw fieldError(file, `${field}.${name}[0]`, `is ${kindOf(token)}, expected a string.`);
    return [token];
  };
  return { before: named('cls'), after: named('sep') };
}

/** Reads which tokens a post-processor puts around a single text. */
export function readSpecialFrame(value: unknown, field = 'post_processor', depth = 0): SpecialFrame {
  if (value === undefined || value === null) return nothing;
  const processor = recordAt(value, file, field);
  const type = own(processor, 'type');
  if (type === 'ByteLevel') return nothing;
  if (type === 'TemplateProcessing') return templateFrame(processor, field);
  if (type === 'BertProcessing' || type === 'RobertaProcessing') return pairFrame(processor, field);
  if (type !== 'Sequence') throw fieldError(file, `${field}.type`, `is ${kindOf(type)}, which is not known.`);
  if (depth >= limits.componentDepth)
    throw fieldError(file, field, `is nested more than ${limits.componentDepth} deep.`);
  return arrayAt(own(processor, 'processors'), file, `${field}.processors`, limits.components)
    .map((inner, index) => readSpecialFrame(inner, `${field}.processors[${index}]`, depth + 1))
    .reduce(
      (frame, { before, after }) => ({ before: [...before, ...frame.before], after: [...frame.after, ...after] }),
      nothing,
    );
}
