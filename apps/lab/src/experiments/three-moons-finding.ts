import { colourOf, linesSvg } from './lines-svg.ts';
import type { Finding } from './study.ts';
import { markdownTable } from './study.ts';
import { jointPeriod } from './three-moons-task.ts';
import type { ThreeMoonsRun, ThreeMoonsSizes } from './three-moons.ts';

const parts = ['keys', 'values', 'outputs'] as const;
const nameOf = (heads: number): string => (heads === 1 ? '1 head' : `${heads} heads`);

/** Tables and picture of {@link ThreeMoonsRun}s. */
export function threeMoonsFinding(
  found: readonly ThreeMoonsRun[],
  { periods, ahead, drawn, length }: ThreeMoonsSizes,
): Finding {
  const [slowest, joint] = [Math.max(...periods), jointPeriod(periods)];
  const named = found.map((run) => ({ ...run, name: `${nameOf(run.heads)}, seed ${run.seed}` }));
  const curves = named.flatMap((run) =>
    (['learned', 'sharp'] as const).map((kind, index) => ({
      name: kind === 'learned' ? run.name : `${run.name}, κ = 5`,
      errors: run.errors.map((each) => [each[0], each[1 + index]!] as const),
    })),
  );
  const errors = markdownTable(
    ['steps seen', ...curves.map(({ name }) => name)],
    (found[0]?.errors ?? []).map(([seen], index) => [
      String(seen),
      ...curves.map((curve) => curve.errors[index]?.[1].toFixed(5) ?? ''),
    ]),
  );
  const shares = markdownTable(
    ['head', 'κ', 'map', ...periods.map((_, moon) => `moon ${moon + 1}`)],
    named.flatMap((run) =>
      run.shares.keys.flatMap((_, head) =>
        parts.map((part) => [
          `${run.name}, head ${head + 1}`,
          run.kappa[head]!.toFixed(2),
          part,
          ...run.shares[part][head]!.map((share) => share.toFixed(3)),
        ]),
      ),
    ),
  );
  return {
    text: `Learned from ${length} steps of moons with periods from ${drawn.join(' to ')}; measured on periods ${periods.join(', ')}, which are round together after ${joint} steps. Mean square error of the ${ahead} steps that follow, told from what was told before; with κ as it was learned, and with κ = 5, which reads the nearest pair alone.\n\n${errors}\nPart of each head's maps that falls on each moon:\n\n${shares}`,
    data: { periods, drawn, length, ahead, results: found },
    pictures: {
      ...(found.length > 0 && {
        '': linesSvg(
          curves.map(({ name, errors: points }) => ({ name, points })),
          {
            title: 'Three moons told from what was seen of them',
            x: 'steps seen',
            y: `mean square error of the next ${ahead} steps, closed loop`,
            logarithmic: { x: true, y: true },
            marks: [
              [slowest, 'slowest moon round'],
              [joint, 'all together'],
            ],
            below: {
              height: 190,
              draw: (top) =>
                sharesSvg(
                  named.find(({ heads }) => heads === 3),
                  top,
                ),
            },
          },
        ),
      }),
    },
  };
}

/** Squares, as dark as what falls on a moon: a row for each head, a column for each moon. */
function sharesSvg(run: ThreeMoonsRun | undefined, top: number): string {
  if (!run) return '';
  const [size, gap] = [34, 4];
  const blocks = parts.map((part, index) => {
    const left = 110 + index * 240;
    const cells = run.shares[part].flatMap((row, head) =>
      row.map((share, moon) => {
        const [x, y] = [left + moon * (size + gap), top + 46 + head * (size + gap)];
        return `<rect x="${x}" y="${y}" width="${size}" height="${size}" rx="4" style="fill: ${colourOf(0)}; fill-opacity: ${(0.08 + 0.92 * share).toFixed(3)}"/><text x="${x + size / 2}" y="${y + 22}" text-anchor="middle" style="font-size: 11px">${share.toFixed(2)}</text>`;
      }),
    );
    const moons = [1, 2, 3].map(
      (moon, at) =>
        `<text class="soft" x="${left + at * (size + gap) + size / 2}" y="${top + 38}" text-anchor="middle">${moon}</text>`,
    );
    return [`<text x="${left}" y="${top + 16}">${part} of moon</text>`, ...moons, ...cells].join('');
  });
  const heads = run.shares.keys.map(
    (_, head) =>
      `<text class="soft" x="96" y="${top + 68 + head * (size + gap)}" text-anchor="end">head ${head + 1}</text>`,
  );
  return [...heads, ...blocks].join('\n');
}
