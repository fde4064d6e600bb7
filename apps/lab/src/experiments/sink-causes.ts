import { linesSvg } from './lines-svg.ts';
import type { StreamSetting } from './stream-run.ts';
import { alongStream, nameOf, perplexityText, streamThrough, tokensOf } from './stream-run.ts';
import { meanLoss } from './streamed-loss.ts';
import type { Finding, Study } from './study.ts';
import { groupBy, markdownTable } from './study.ts';

/** What a {@link sinkCausesStudy} reads. */
export interface SinkCausesSetting extends StreamSetting {
  /** Sinks where there are some. */
  readonly sinks: number;
}

interface Row {
  readonly model: string;
  readonly sinks: number;
  readonly positions: 'cache' | 'stream';
  /** Over the tokens after the first that are evicted. */
  readonly loss: number;
  readonly along: readonly (readonly [number, number])[];
}

/** Parts of a stream in the picture. */
const parts = 25;

/**
 * Why sinks are needed although positions are taken inside the cache: with and without sinks, at positions of the cache and of the stream.
 * @see Xiao et al. 2023, arXiv:2309.17453, section 3.2.
 */
export function sinkCausesStudy(setting: SinkCausesSetting): Study {
  const found: Row[] = [];
  const { seen } = setting;
  return {
    name: 'sink-causes',
    async run(call) {
      for (const directory of setting.models) {
        const tokens = await tokensOf(directory, setting, call);
        for (const sinks of [0, setting.sinks])
          for (const positions of ['cache', 'stream'] as const) {
            const policy = { sinks, window: seen - sinks, positions };
            const { losses } = await streamThrough(directory, tokens, policy, call);
            const loss = meanLoss(losses, seen);
            found.push({ model: nameOf(directory), sinks, positions, loss, along: alongStream(losses, parts) });
            call.progress(
              `${nameOf(directory)}, ${sinks} sinks, positions of the ${positions}: perplexity ${perplexityText(loss)}`,
            );
          }
      }
    },
    finding: () => findingOf(found, setting),
  };
}

function findingOf(found: readonly Row[], { seen, count, files, sinks }: SinkCausesSetting): Finding {
  const models = groupBy(found, ({ model }) => model);
  const table = markdownTable(
    ['model', 'sinks', 'positions of the cache', 'positions of the stream'],
    models.flatMap((rows) =>
      [0, sinks].map((kept) => [
        rows[0]!.model,
        kept === 0 ? 'none' : String(kept),
        ...(['cache', 'stream'] as const).map((positions) => {
          const row = rows.find((each) => each.sinks === kept && each.positions === positions);
          return row ? perplexityText(row.loss) : '';
        }),
      ]),
    ),
  );
  const of = files.length === 0 ? 'generated stories' : 'text';
  return {
    text: `Perplexity of ${count.toLocaleString('en-US')} tokens of ${of} in one stream but the first ${seen}; each sees ${seen}, sinks and itself among them.\n\n${table}`,
    data: { seen, count, results: found },
    pictures: Object.fromEntries(
      models.map((rows) => [
        `-${rows[0]!.model}`,
        linesSvg(
          rows.map((row) => ({
            name: `${row.sinks === 0 ? 'no' : row.sinks} sinks, ${row.positions}`,
            points: row.along.map(([end, loss]) => [end, Math.exp(loss)] as const),
          })),
          {
            title: `${rows[0]!.model} on a stream of ${of}: sinks, and where tokens stand`,
            x: 'tokens of the stream',
            y: 'perplexity',
            logarithmic: { y: true },
          },
        ),
      ]),
    ),
  };
}
