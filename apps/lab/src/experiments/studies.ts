import { numberOf } from '../number-options.ts';
import { inductionStudy } from './induction.ts';
import { oneBlockSizes, oneBlockStudy } from './one-block.ts';
import { regularLanguagesSizes, regularLanguagesStudy } from './regular-languages.ts';
import { secondCopySizes, secondCopyStudy } from './second-copy.ts';
import { sinkCausesStudy } from './sink-causes.ts';
import type { StreamSetting } from './stream-run.ts';
import { streamedPerplexityStudy } from './streamed-perplexity.ts';
import type { Study } from './study.ts';
import { threeMoonsSizes, threeMoonsStudy } from './three-moons.ts';
import { trainedSinksSizes, trainedSinksStudy } from './trained-sinks.ts';

/** Options of studies, as they were typed. */
export interface StudyOptions {
  readonly steps?: string | undefined;
  readonly model?: readonly string[] | undefined;
  readonly text?: readonly string[] | undefined;
  readonly held?: string | undefined;
  readonly stream?: string | undefined;
  readonly seen?: string | undefined;
  readonly every?: string | undefined;
}

/** What a command line has to say for a {@link Study}. */
export const studyOptions = {
  model: { type: 'string', multiple: true },
  text: { type: 'string', multiple: true },
  held: { type: 'string' },
  stream: { type: 'string' },
  seen: { type: 'string' },
  every: { type: 'string' },
} as const;

/** Studies by name. */
export const studies: Readonly<Record<string, (options: StudyOptions) => Study>> = {
  induction: () => inductionStudy(),
  'second-copy': ({ steps }) =>
    secondCopyStudy({ ...secondCopySizes, steps: numberOf('steps', steps, secondCopySizes.steps) }),
  'one-block': ({ steps }) => oneBlockStudy({ ...oneBlockSizes, steps: numberOf('steps', steps, oneBlockSizes.steps) }),
  'regular-languages': ({ steps }) =>
    regularLanguagesStudy({
      ...regularLanguagesSizes,
      steps: numberOf('steps', steps, regularLanguagesSizes.steps),
    }),
  'three-moons': ({ steps }) =>
    threeMoonsStudy({ ...threeMoonsSizes, steps: numberOf('steps', steps, threeMoonsSizes.steps) }),
  'trained-sinks': ({ steps, stream }) =>
    trainedSinksStudy({
      ...trainedSinksSizes,
      steps: numberOf('steps', steps, trainedSinksSizes.steps),
      count: numberOf('stream', stream, trainedSinksSizes.count),
    }),
  'streamed-perplexity': (options) =>
    streamedPerplexityStudy({
      ...streamOf(options),
      every: numberOf('every', options.every, 16),
      sinks: [0, 1, 2, 4, 8],
    }),
  'sink-causes': (options) => sinkCausesStudy({ ...streamOf(options), sinks: 4 }),
};

/** How they are used. */
export const studyUsage = `experiment induction
experiment second-copy|one-block|regular-languages|three-moons [--steps=N]
experiment trained-sinks [--steps=N] [--stream=100000]
experiment streamed-perplexity [STREAM] [--every=16]
experiment sink-causes [STREAM]
STREAM: [--model=FOLDER]… [--text=FILE]… [--held=1] [--stream=100000] [--seen=256]

induction            one untrained layer over one-hot tokens, in the second copy of a random sequence
second-copy          one layer of memories, one and two of attention learn to tell a sequence that comes again
trained-sinks        models trained with a sink token, without, with softmax off by one and with learned sink logits: both factors crossed
one-block            loss on stories of one block of memories and of one of a transformer, at equal parameters
regular-languages    languages of random automata, learned in context
three-moons          a memory of three heads and one of one learn to tell where moons go on their orbits
streamed-perplexity  perplexity of a long stream with 0, 1, 2, 4 and 8 sinks, and with one token in --every read afresh
sink-causes          with and without sinks, at positions of the cache and of the stream
model                checkpoints, one after another; ../models/story-llama when absent
text                 what is streamed, generated stories when absent; of each file the last --held of it
stream, seen         tokens of the stream, and those that each of them sees`;

function streamOf({ model = ['../models/story-llama'], text = [], held, stream, seen }: StudyOptions): StreamSetting {
  return {
    models: model,
    files: text,
    held: numberOf('held', held, 1),
    count: numberOf('stream', stream, 100_000),
    seen: numberOf('seen', seen, 256),
  };
}
