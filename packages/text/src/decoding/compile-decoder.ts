import { ModelFormatError } from '@tessera/tensor-core';
import { booleanAt, integerAt, own, stringAt } from '../format/field-check.ts';
import type { JsonRecord } from '../format/field-check.ts';
import { componentsAt, patternAt } from '../tokenizer/component.ts';
import { patternReplacer } from '../tokenizer/library.ts';
import { limits } from '../tokenizer/limits.ts';
import { byteFallbackStage } from './byte-fallback-stage.ts';
import { byteLevelStage } from './byte-level-stage.ts';
import { collectStage } from './collect-stage.ts';
import { tokenStage } from './decoder-stage.ts';
import type { DecoderStage } from './decoder-stage.ts';
import { literalReplaceStage } from './literal-replace-stage.ts';
import { stripTextStage, stripToken } from './strip-stage.ts';
import { bpeStage, cleanUpPairs, metaspaceStage, spacedStage, wordPieceStage } from './word-stages.ts';

/** Makes fresh stages, one set per stream. */
export type CompiledDecoder = () => DecoderStage[];

const known = ['BPEDecoder', 'ByteFallback', 'ByteLevel', 'Fuse', 'Metaspace', 'Replace', 'Strip', 'WordPiece'];
const file = 'tokenizer.json';

/** How a component works on single tokens, and on one token in pieces where that differs from collecting them. */
interface Stages {
  readonly perToken: () => DecoderStage;
  readonly inPieces?: () => DecoderStage;
}

function replaceStages(component: JsonRecord): Stages {
  const pattern = patternAt(own(component, 'pattern'), 'decoder.pattern');
  const content = stringAt(own(component, 'content') ?? '', file, 'decoder.content', limits.token);
  if ('String' in pattern && pattern.String !== '') {
    const { String: literal } = pattern;
    return {
      perToken: () => tokenStage((token) => token.split(literal).join(content)),
      inPieces: () => literalReplaceStage(literal, content),
    };
  }
  try {
    const replace = patternReplacer(pattern, content);
    return { perToken: () => tokenStage(replace) };
  } catch (cause) {
    throw new ModelFormatError(`${file}: decoder.pattern is not a regular expression (${(cause as Error).message}).`, {
      cause,
      facts: { file, field: 'decoder.pattern' },
    });
  }
}

function stagesOf(component: JsonRecord): Stages {
  const text = (name: string, fallback: string): string =>
    stringAt(own(component, name) ?? fallback, file, `decoder.${name}`, limits.token);
  switch (component['type']) {
    case 'ByteLevel':
      return { perToken: byteLevelStage };
    case 'ByteFallback':
      return { perToken: byteFallbackStage };
    case 'Replace':
      return replaceStages(component);
    case 'Strip': {
      const strip = {
        content: text('content', ''),
        start: integerAt(own(component, 'start') ?? 0, file, 'decoder.start', limits.token),
        stop: integerAt(own(component, 'stop') ?? 0, file, 'decoder.stop', limits.token),
      };
      return { perToken: () => tokenStage((token) => stripToken(strip, token)), inPieces: () => stripTextStage(strip) };
    }
    case 'Metaspace': {
      const replacement = text('replacement', '▁');
      const never =
        own(component, 'prepend_scheme') === 'never' ||
        (own(component, 'prepend_scheme') === undefined && own(component, 'add_prefix_space') === false);
      return { perToken: () => metaspaceStage(replacement, !never) };
    }
    case 'WordPiece': {
      const prefix = text('prefix', '##');
      const cleanup = booleanAt(own(component, 'cleanup'), file, 'decoder.cleanup', true);
      return { perToken: () => wordPieceStage(prefix, cleanup) };
    }
    default: {
      const suffix = text('suffix', '</w>');
      return { perToken: () => bpeStage(suffix) };
    }
  }
}

/**
 * Checks a decoder and makes stages of it. After `Fuse` or `ByteLevel` all text is one token that arrives in pieces.
 *
 * @param cleanUp - whether spaces around punctuation are undone at the end, as `clean_up_tokenization_spaces` asks.
 */
export function compileDecoder(value: unknown, cleanUp: boolean): CompiledDecoder {
  const components = componentsAt(value, 'decoder', known);
  const makers: (() => DecoderStage)[] = components.length === 0 ? [spacedStage] : [];
  let fused = false;
  for (const component of components) {
    const type = component['type'];
    if (type !== 'Fuse') {
      const { perToken, inPieces } = stagesOf(component);
      makers.push(fused ? (inPieces ?? (() => collectStage(perToken()))) : perToken);
    }
    fused ||= type === 'Fuse' || type === 'ByteLevel';
  }
  if (cleanUp)
    makers.push(
      ...cleanUpPairs.map(
        ([from, to]) =>
          () =>
            literalReplaceStage(from, to),
      ),
    );
  return () => makers.map((make) => make());
}
