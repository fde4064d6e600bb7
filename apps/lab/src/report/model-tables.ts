import type { ModelFigures, ModelReport } from '../bench/model/bench-model.ts';
import type { Waterfall } from '../bench/model/waterfall.ts';
import { ratesOf } from '../bench/statistics.ts';
import type { Peers } from './peers.ts';
import { partsTable } from './parts-table.ts';
import { number, percent, spread, table, time, timeSpread } from './text.ts';

function headline({ decodeBound, prompt }: ModelReport, figures: ModelFigures): string[] {
  const { decode, prefill } = figures.public;
  const { awaited, ahead, batched } = figures.decode;
  const rate = (times: typeof ahead): string => number(ratesOf(times, 1e6).median);
  return [
    spread(decode),
    percent(decode.median / decodeBound!),
    rate(ahead),
    rate(awaited),
    rate(batched),
    spread(prefill),
    number(ratesOf(figures.prefill.awaited, 1e6 * prompt).median),
  ];
}

const headlineColumns = [
  'decode, stream()',
  'of the copy roof',
  'steps: one ahead',
  'each awaited',
  '16 at a time',
  'prefill, stream()',
  'one step',
];

function costs(figures: ModelFigures): string[] {
  const { perToken, firstTokenCold, firstTokenWarm } = figures.public;
  return [
    `${figures.decodeDispatches} · ${number(perToken.dispatches)}`,
    `${number(figures.decode.submits)} · ${number(perToken.submits)}`,
    timeSpread(figures.decode.host),
    `${number(perToken.buffers)} · ${number(perToken.pipelines)} · ${number(perToken.bindGroups)}`,
    `${time(figures.dispatchCost.wall)} · ${time(figures.dispatchCost.host)}`,
    time(1000 * figures.compileCold),
    `${time(1000 * firstTokenCold)} · ${time(1000 * firstTokenWarm.median)}`,
    `${number(figures.uploadSeconds)} s`,
  ];
}

const costColumns = [
  'dispatches a token (step · stream)',
  'submits a token (step · stream)',
  'host a token',
  'made a token: buffers · pipelines · bind groups',
  'one more dispatch: wall · host',
  'compile a decode step, cold',
  'first token: cold · warm',
  'upload',
];

/** Where the time of a step goes, and its kernels by kind. */
export function waterfallTable({ title, bound, kernels, parts, dispatches, steps, total }: Waterfall): string {
  const rows = steps.map(({ label, microseconds }) => [label, time(microseconds), percent(microseconds / total)]);
  return [
    `#### ${title}`,
    table(['', 'time', 'of the whole'], [...rows, ['**until the result is there**', time(total), '']]),
    `${time(kernels)} in ${dispatches} dispatches; the bound is set by ${bound.by}.`,
    partsTable(parts),
  ].join('\n\n');
}

/** Models end to end, what a token costs, and where its time goes. */
export function modelTables(models: readonly ModelReport[], peers: Peers | undefined): string {
  if (models.length === 0) return '';
  const [first] = models as [ModelReport];
  const name = ({ dtype }: ModelReport): string => dtype;
  const without = ({ outcome, reason }: ModelReport, columns: readonly string[]): string[] => [
    outcome === 'dry' ? 'checked, no figures' : `${outcome}${reason === undefined ? '' : `: ${reason}`}`,
    ...columns.slice(1).map(() => '—'),
  ];
  const theirs = (peers?.models ?? []).map(({ dtype, decodeAwaited, decodeBatched, prefill }) => [
    `${peers!.peer}, ${dtype}`,
    '',
    '',
    '',
    number(decodeAwaited),
    number(decodeBatched),
    '',
    number(prefill),
    '',
  ]);
  const lines = (
    columns: readonly string[],
    cells: (model: ModelReport, figures: ModelFigures) => string[],
  ): string[][] =>
    models.map((model) => [name(model), ...(model.figures ? cells(model, model.figures) : without(model, columns))]);
  const errors = models.map(({ error }) => (error === undefined ? '—' : error.toExponential(0)));
  const rows = lines(headlineColumns, headline).map((cells, i) => [...cells, errors[i]!]);
  return [
    `### ${first.name}`,
    `Tokens a second with random weights: decoding around position ${first.context}, and a prompt of ${first.prompt} tokens.`,
    table(['', ...headlineColumns, 'error of logits'], [...rows, ...theirs]),
    table(
      ['', ...costColumns],
      lines(costColumns, (_, figures) => costs(figures)),
    ),
    ...models.flatMap(({ figures }) => (figures?.waterfalls ?? []).map(waterfallTable)),
  ].join('\n\n');
}
