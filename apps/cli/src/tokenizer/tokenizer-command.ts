import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TextSource } from '@tessera/data';
import { fileTexts, storyTexts } from '@tessera/data';
import { UnsupportedOptionError } from '@tessera/tensor-core';
import { trainTokenizer } from '@tessera/tokenizer-training';
import type { Command } from 'commander';
import { defineCommand } from '../options/define-command.ts';
import { integerArgument } from '../options/number-arguments.ts';
import { showCount } from '../terminal/numbers.ts';
import { StatusLine } from '../terminal/status-line.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { writeLine } from '../terminal/write-text.ts';
import { generatedStories, localFiles } from '../train/open-texts.ts';

interface TokenizerArguments {
  readonly data: readonly string[];
  readonly vocabSize: number;
  readonly stories: number;
  readonly out: string;
  readonly json?: boolean;
}

const notes = `
Writes tokenizer.json and tokenizer_config.json, as train --tokenizer and other programs read them. The first token, <|endoftext|>,
ends a text.

Examples:
  tessera tokenizer --data *.txt --vocab-size 2048 --out ./tokenizer
  tessera tokenizer --data stories --vocab-size 1024 --out ./story-tokenizer`;

/** `tessera tokenizer`: trains a byte-level BPE tokenizer on texts. */
export function tokenizerCommand(terminal: Terminal): Command {
  return defineCommand('tokenizer', terminal)
    .description('Train a byte-level BPE tokenizer on texts.')
    .requiredOption('--data <files...>', 'files of text, or of JSONL with a field "text"; or stories: generated')
    .requiredOption('--vocab-size <n>', 'tokens: the end of a text, 256 bytes, and merges', integerArgument(257))
    .option('--stories <n>', 'how many stories are read, where --data says stories', integerArgument(1), 20_000)
    .requiredOption('-o, --out <dir>', 'directory to write')
    .option('--json', 'one line of JSON')
    .addHelpText('after', notes)
    .action((given: TokenizerArguments) => train(given, terminal));
}

async function train(given: TokenizerArguments, terminal: Terminal): Promise<void> {
  const { out, json } = given;
  const { signal } = terminal;
  const status = new StatusLine(terminal.stderr);
  try {
    const trained = await trainTokenizer(textsOf(given).pieces({ signal }), {
      vocabSize: given.vocabSize,
      signal,
      onProgress: ({ phase, characters, vocabSize }) =>
        status.update(() =>
          phase === 'read' ? `reading: ${showCount(characters)} characters` : `merging: ${showCount(vocabSize)} tokens`,
        ),
    });
    await mkdir(out, { recursive: true });
    await writeFile(join(out, 'tokenizer.json'), trained.tokenizerJson);
    await writeFile(join(out, 'tokenizer_config.json'), trained.tokenizerConfigJson);
    status.clear();
    const { vocabSize } = trained;
    await writeLine(
      terminal.stdout,
      json ? JSON.stringify({ out, vocabSize }) : `${out}: ${showCount(vocabSize)} tokens`,
    );
  } finally {
    status.clear();
  }
}

function textsOf({ data, stories }: TokenizerArguments): TextSource {
  if (!data.includes(generatedStories)) return fileTexts(localFiles(), data);
  if (data.length > 1)
    throw new UnsupportedOptionError(
      `--data names ${generatedStories} beside files, expected one or the other. A file of that name is ./${generatedStories}.`,
    );
  return storyTexts(stories, { seed: 1 });
}
