import type { SpeculationReport, SpeculationRow } from '../bench/speculation/bench-speculation.ts';
import { nameOfPlan } from '../bench/speculation/draft-plan.ts';
import type { RollbackFigures } from '../bench/speculation/rollback.ts';
import { linesSvg } from '../experiments/lines-svg.ts';
import { partsTable } from './parts-table.ts';
import { number, percent, spread, table, timeSpread } from './text.ts';

const columns = [
  'tokens/s',
  'of plain',
  'tested that stayed',
  'drafted that stayed',
  'tokens a round',
  'drafted a round',
  'submits a round',
  'dispatches a round',
  'reads a round',
  'text',
];

function cells({ plan, outcome, reason, turned, figures }: SpeculationRow): string[] {
  const text = turned ? `leaves at token ${turned.token}, a near tie (${turned.gap.toExponential(0)})` : 'the same';
  if (!figures) {
    const none = outcome === 'dry' ? 'checked, no figures' : `${outcome}${reason === undefined ? '' : `: ${reason}`}`;
    return [nameOfPlan(plan), none, ...columns.slice(1, -1).map(() => '—'), outcome === 'dry' ? text : '—'];
  }
  const { tokensPerSecond, ratio, rounds } = figures;
  return [
    nameOfPlan(plan),
    spread(tokensPerSecond),
    `${ratio.median.toFixed(2)} × [${ratio.low.toFixed(2)}–${ratio.high.toFixed(2)}]`,
    percent(rounds.acceptance),
    percent(rounds.ofDrafted),
    number(rounds.tokens),
    number(rounds.drafted),
    number(rounds.submits),
    number(rounds.dispatches),
    number(rounds.reads),
    text,
  ];
}

function rollbackText({ tokens, step, pass, committed, microseconds, clock }: RollbackFigures): string {
  const both = ({ gpu, wall }: RollbackFigures['pass']): string =>
    `${gpu ? `${timeSpread(gpu)} of GPU time, ` : ''}${timeSpread(wall)} by the clock`;
  return (
    `Rollback: **${timeSpread(microseconds)} a round** by ${clock === 'GPU' ? 'GPU time' : 'the clock'}. ` +
    `A pass over one token takes ${both(step)} in ${step.dispatches} dispatches; over ${tokens} tokens ${both(pass)} in ${pass.dispatches} dispatches; with the state before it kept and a commit ${both(committed)} in ${committed.dispatches}.`
  );
}

/** Targets with and without speculation. */
export function speculationTables(reports: readonly SpeculationReport[]): string {
  return reports
    .flatMap(({ name, outcome, reason, text, plain, rollback, rows }) => [
      `### ${name}`,
      ...(text
        ? [
            `${text.tokens} greedy tokens after ${text.prompt}, of which ${text.different} differ from each other.${plain ? ` Plain: ${spread(plain)} tokens/s.` : ''}`,
          ]
        : []),
      ...(reason === undefined ? [] : [`${outcome}: ${reason}`]),
      ...(rows.length > 0 ? [table(['', ...columns], rows.map(cells))] : []),
      ...(rollback ? [rollbackText(rollback)] : []),
      ...(rollback && rollback.parts.length > 0 ? [partsTable(rollback.parts)] : []),
    ])
    .join('\n\n');
}

/** The speed of speculation over how often drafts are right, of the targets where that is given. */
export function speculationPicture(reports: readonly SpeculationReport[]): string | undefined {
  const lines = reports.flatMap(({ name, rows }) =>
    (['adaptive', 'fixed'] as const).map((kind) => ({
      name: `${name.split(/,| \(/)[0]}, ${kind}`,
      points: rows.flatMap(({ plan: { acceptance, adaptive }, figures }) =>
        figures && acceptance !== undefined && adaptive === (kind === 'adaptive')
          ? [[acceptance, figures.ratio.median] as const]
          : [],
      ),
    })),
  );
  const shown = lines.filter(({ points }) => points.length > 1);
  if (shown.length === 0) return undefined;
  const acceptances = shown.flatMap(({ points }) => points.map(([acceptance]) => acceptance));
  const plain = [Math.min(...acceptances), Math.max(...acceptances)].map((acceptance) => [acceptance, 1] as const);
  return linesSvg([...shown, { name: 'plain decoding', points: plain }], {
    title: 'Speculation against plain decoding',
    x: 'probability that a proposed token is right',
    y: 'tokens a second, as a multiple of plain decoding',
  });
}
