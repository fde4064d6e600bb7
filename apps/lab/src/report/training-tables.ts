import { peakOf } from '../bench/training/nominal-peaks.ts';
import type { TrainingReport } from '../bench/training/bench-training.ts';
import { ratesOf } from '../bench/statistics.ts';
import type { Roofs } from '../bench/work.ts';
import { teraflops } from '../bench/work.ts';
import { waterfallTable } from './model-tables.ts';
import type { PeerTraining, Peers } from './peers.ts';
import { number, percent, spread, table, time, timeSpread } from './text.ts';

/** Beside what training stands. */
export interface TrainingBeside {
  readonly roofs: Roofs | undefined;
  /** What the driver says of the GPU, if it says anything. */
  readonly gpu: string | undefined;
  readonly peers: Peers | undefined;
}

const columns = (nominal: number | undefined): string[] => [
  'a step',
  'over a run',
  'GPU',
  'host',
  'dispatches',
  'tokens/s',
  'TFLOP/s',
  'MFU of the f32 roof',
  ...(nominal === undefined ? [] : [`MFU of ${nominal} TFLOP/s`]),
  'held',
  'state',
  'compile',
  'loss, first → last',
  'error',
];

const gibibytes = (bytes: number): string => `${number(bytes / 2 ** 30)} GiB`;

function rates(report: TrainingReport, microseconds: number, roof: number | undefined, nominal?: number): string[] {
  const reached = teraflops(report.work.flops, microseconds);
  return [
    number(reached),
    roof === undefined ? '—' : percent(reached / roof),
    ...(nominal === undefined ? [] : [percent(reached / nominal)]),
  ];
}

function ours(report: TrainingReport, roof: number | undefined, nominal: number | undefined): string[] {
  const { variant, figures, losses, error, outcome, reason, tokens } = report;
  const checked = [
    losses ? `${losses[0].toFixed(2)} → ${losses[1].toFixed(2)}` : '—',
    error === undefined ? '—' : error.toExponential(0),
  ];
  const none = outcome === 'dry' ? 'checked, no figures' : `${outcome}${reason === undefined ? '' : `: ${reason}`}`;
  if (!figures)
    return [
      variant,
      none,
      ...columns(nominal)
        .slice(1, -2)
        .map(() => '—'),
      ...checked,
    ];
  const { step, run, gpu, host, dispatches, compileMs, heldBytes, stateBytes } = figures;
  return [
    `Tessera, f32, ${variant}`,
    timeSpread(step),
    time(run),
    gpu === undefined ? '—' : time(gpu),
    time(host.median),
    String(dispatches),
    spread(ratesOf(step, 1e6 * tokens)),
    ...rates(report, step.median, roof, nominal),
    gibibytes(heldBytes),
    gibibytes(stateBytes),
    time(1000 * compileMs),
    ...checked,
  ];
}

function theirs(
  { variant, optimizer, step, wall, heldBytes, losses }: PeerTraining,
  peer: string,
  first: TrainingReport,
  roof: number | undefined,
  nominal: number | undefined,
): string[] {
  const ratio = first.figures ? ` (${number(step / first.figures.step.median)}×)` : '';
  return [
    `${peer}, ${variant}, ${optimizer}`,
    `${time(step)}${ratio}`,
    time(wall),
    '',
    '',
    '',
    number((1e6 * first.tokens) / step),
    ...rates(first, step, roof, nominal),
    gibibytes(heldBytes),
    '',
    '',
    `${losses[0].toFixed(2)} → ${losses[1].toFixed(2)}`,
    '',
  ];
}

/** Training steps beside those of a peer, and where their time goes. */
export function trainingTables(
  trainings: readonly TrainingReport[],
  { roofs, gpu, peers }: TrainingBeside,
  dry: boolean,
): string {
  const [first] = trainings;
  if (!first) return '';
  const { shape, parameters, tokens, work } = first;
  const nominal = peakOf(gpu);
  const roof = dry ? undefined : roofs?.f32;
  const rows = [
    ...trainings.map((training) => ours(training, roof, nominal)),
    ...(peers?.training ?? []).map((training) => theirs(training, peers!.peer, first, roof, nominal)),
  ];
  return [
    `### ${shape.name}: ${shape.rows} × ${shape.context} tokens a step`,
    `${(parameters / 1e6).toFixed(1)} M parameters (width ${shape.width}, ${shape.layers} layers, ${shape.heads} heads, feed-forward ${shape.hidden}, vocabulary ${shape.vocabSize}, untied), ` +
      `${tokens} tokens and ${(work.flops / 1e12).toPrecision(3)}·10¹² flops a step: 6 for each token and number of a matrix but the embedding, and attention where it sees; what is computed again counts once.`,
    table(['', ...columns(nominal)], rows),
    ...trainings.flatMap(({ figures }) => (figures?.waterfall ? [waterfallTable(figures.waterfall)] : [])),
  ].join('\n\n');
}
