import { linesSvg } from './lines-svg.ts';
import type { Finding } from './study.ts';
import { groupBy, markdownTable, spreadText } from './study.ts';
import type { TrainedSinksResults, TrainedSinksSizes } from './trained-sinks.ts';

function perplexities(losses: readonly (number | undefined)[]): string {
  const told = losses.filter((loss) => loss !== undefined);
  return told.length === 0 ? '' : spreadText(told.map(Math.exp), 3);
}

/** Tables and picture of streams through models that were trained here. */
export function trainedSinksFinding(
  { rows, best, seconds }: TrainedSinksResults,
  { task, layers, width, context, seen, count, every, steps }: TrainedSinksSizes,
): Finding {
  const streams = markdownTable(
    ['trained with', 'cache', 'seeds', 'perplexity', `of one in ${every}`, 'above the least, of words', 'after triggers', 'bytes of the state, first and last'],
    groupBy(rows, ({ trained, name }) => `${trained}, ${name}`).map((runs) => [
      runs[0]!.trained,
      runs[0]!.name,
      runs.map(({ seed }) => seed).join(', '),
      perplexities(runs.map(({ loss }) => loss)),
      perplexities(runs.map(({ lossOfSome }) => lossOfSome)),
      spreadText(runs.map(({ above }) => above.words)),
      spreadText(runs.map(({ above }) => above.copies)),
      runs[0]!.bytes?.map((bytes) => bytes.toLocaleString('en-US')).join(', ') ?? '',
    ]),
  ); // prettier-ignore
  const crossed = markdownTable(
    ['trained with', 'sinks', 'positions of the cache', 'positions of the stream'],
    groupBy(rows, ({ trained }) => trained).flatMap((runs) =>
      [0, 4].map((sinks) => [
        runs[0]!.trained,
        sinks === 0 ? 'none' : String(sinks),
        ...(['cache', 'stream'] as const).map((positions) =>
          perplexities(
            runs.filter(({ cache }) => cache?.sinks === sinks && cache.positions === positions).map(({ loss }) => loss),
          ),
        ),
      ]),
    ),
  );
  const first = rows.filter(({ seed, along }) => seed === rows[0]?.seed && along);
  const least = Object.values(best).map(Math.exp);
  return {
    text: `${layers === 1 ? 'One layer' : `${layers} layers`} of attention and nothing else, width ${width}, ${steps} steps on texts of ${context} tokens of bigram-backcopy (${task.vocabSize} ids, ${task.triggers} of them triggers), ${spreadText(seconds.length > 0 ? seconds : [0], 0)} s each. One stream of ${count.toLocaleString('en-US')} tokens, of which each sees ${seen}, sinks and itself among them; perplexity of those after the first ${seen}, and of one in ${every} of them, which is read afresh, too. The least that is possible is ${spreadText(least.length > 0 ? least : [1], 3)}.\n\n${streams}\nBoth factors, perplexity:\n\n${crossed}`,
    data: { task, layers, width, context, steps, seen, count, every, seconds, best, results: rows },
    pictures: {
      ...(first.length > 0 && {
        '': linesSvg(
          first
            .filter(
              ({ trained, cache }) =>
                trained === first[0]!.trained || (cache!.sinks === 0 && cache!.positions === 'cache'),
            )
            .map(({ trained, name, along }) => ({
              name: trained === first[0]!.trained ? name.replace('positions of the ', '') : trained,
              points: along!.map(([end, loss]) => [end, Math.exp(loss)] as const),
            })),
          {
            title: 'Models that learned to lean on the beginning of a text, far beyond it',
            x: 'tokens of the stream',
            y: `perplexity, ${seen} tokens in sight`,
            logarithmic: { y: true },
          },
        ),
      }),
    },
  };
}
