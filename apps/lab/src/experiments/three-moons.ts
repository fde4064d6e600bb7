import { contextualMemory } from '@tessera/mixers-memory-mosaic';
import { validate } from '@tessera/plugin';
import type { Device, Tensor } from '@tessera/tensor-core';
import { foldKey, fromHost, iota, mean, mul, read, slice, square, sub, zeros } from '@tessera/tensor-core';
import type { HostParams } from './fit.ts';
import { fit, normalNumbers } from './fit.ts';
import type { Study, StudyCall } from './study.ts';
import { turn } from './study.ts';
import { drawnPeriods, meanSquare, moonsOf, perMoon, sharesOfMoons } from './three-moons-task.ts';
import { threeMoonsFinding } from './three-moons-finding.ts';

/** Sizes of a {@link threeMoonsStudy}. */
export interface ThreeMoonsSizes {
  /** Periods to learn with are drawn from here. */
  readonly drawn: readonly [number, number];
  /** Steps of a sequence to learn with. */
  readonly length: number;
  /** Sequences of a batch. */
  readonly rows: number;
  readonly steps: number;
  /** Periods to measure with. */
  readonly periods: readonly number[];
  /** Steps that are seen before the sequence goes on by itself. */
  readonly seen: readonly number[];
  /** Steps that it goes on. */
  readonly ahead: number;
  /** Sequences to measure with. */
  readonly measured: number;
}

/** Sizes at which the study says something. */
export const threeMoonsSizes: ThreeMoonsSizes = {
  drawn: [3, 12],
  length: 48,
  rows: 16,
  steps: 1000,
  periods: [5, 7, 9],
  seen: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16, 24, 32, 64, 128, 256, 314, 316, 320],
  ahead: 8,
  measured: 4,
};

/** What came of heads of one number and width. */
export interface ThreeMoonsRun {
  readonly heads: number;
  readonly seed: number;
  readonly seconds: number;
  readonly trainingLoss: number;
  /** Of the heads, as learned. */
  readonly kappa: readonly number[];
  /** Steps seen, and the mean square errors of those after them: as learned, and with κ at its limit. */
  readonly errors: readonly (readonly [seen: number, learned: number, sharp: number])[];
  /** `[heads, moons]` of the key maps, value maps and output maps. */
  readonly shares: Readonly<Record<'keys' | 'values' | 'outputs', readonly (readonly number[])[]>>;
}

const moons = 3;
const D = moons * perMoon;
/** The largest κ of a contextual memory by itself: it then reads the nearest pair alone. */
const sharpest = 5;

/**
 * Three moons on their orbits: one contextual memory learns to tell where they will stand, from sequences of random periods. Three heads of width two can
 * take a moon each and know all once the slowest has been round; one head of width six has to wait until all stand where they stood together.
 * @see Zhang et al. 2024, arXiv:2405.06394, section 5: predictive disentanglement.
 */
export function threeMoonsStudy(sizes: ThreeMoonsSizes = threeMoonsSizes): Study {
  const found: ThreeMoonsRun[] = [];
  return {
    name: 'three-moons',
    async run(call) {
      for (const seed of call.seeds)
        for (const heads of [3, 1]) {
          const result = await runOf(heads, seed, sizes, call);
          found.push(result);
          call.progress(
            `${heads} heads, seed ${seed}: training loss ${result.trainingLoss.toFixed(5)}, ${result.seconds.toFixed(1)} s`,
          );
        }
    },
    finding: () => threeMoonsFinding(found, sizes),
  };
}

async function runOf(
  heads: number,
  seed: number,
  sizes: ThreeMoonsSizes,
  { device, signal, progress }: StudyCall,
): Promise<ThreeMoonsRun> {
  const { drawn, length, rows, steps } = sizes;
  const begun = performance.now();
  const recent: number[] = [];
  const params = await fit({
    device,
    signal,
    steps,
    first: firstParams(heads, seed),
    learningRate: (step) => 0.02 * (step < 50 ? step / 50 : 0.5 + 0.5 * Math.cos((Math.PI * step) / steps)),
    batch: (step) => {
      const key = foldKey([seed, 0x3001], step);
      const all = Array.from({ length: rows }, (_, row) =>
        moonsOf(drawnPeriods(drawn, foldKey([...key], 2 * row)), length + 1, foldKey([...key], 2 * row + 1)),
      );
      return { values: Float32Array.from(all.flat(2)), shape: [rows, length + 1, D] };
    },
    loss: (own, batch) =>
      mean(square(sub(memory(heads, own, slice(batch, 1, 0, length)), slice(batch, 1, 1, length + 1)))),
    progress: (step, loss) => {
      if (step > steps - 50) recent.push(loss);
      if (step % 250 === 0) progress(`${heads} heads, seed ${seed}: step ${step}, loss ${loss.toFixed(5)}`);
    },
  });
  const seconds = (performance.now() - begun) / 1000;
  const sharp = { ...params, kappa: { shape: [heads], values: new Float32Array(heads).fill(sharpest) } };
  const errors: (readonly [number, number, number])[] = [];
  for (const seen of sizes.seen) {
    await turn({ device, signal });
    const errorOf = (of: HostParams): Promise<number> => closedLoopError(heads, of, { ...sizes, seen, seed }, device);
    errors.push([seen, await errorOf(params), await errorOf(sharp)]);
  }
  const shares = (name: string, rowsAreHeads: boolean): number[][] =>
    sharesOfMoons(params[name]!.values, { heads, moons, rowsAreHeads });
  return {
    heads,
    seed,
    seconds,
    trainingLoss: recent.reduce((sum, loss) => sum + loss, 0) / recent.length,
    kappa: [...params['kappa']!.values],
    errors,
    shares: { keys: shares('k_proj', true), values: shares('v_proj', true), outputs: shares('o_proj', false) },
  };
}

function firstParams(heads: number, seed: number): HostParams {
  const matrix = (name: number): HostParams[string] => ({
    shape: [D, D],
    values: normalNumbers(D * D, D ** -0.5, [seed, name]),
  });
  const ofHeads = (value: number): HostParams[string] => ({
    shape: [heads],
    values: new Float32Array(heads).fill(value),
  });
  return {
    k_proj: matrix(1),
    v_proj: matrix(2),
    o_proj: matrix(3),
    kappa: ofHeads(1),
    nu: ofHeads(0),
    peek: ofHeads(0),
  };
}

/** What is told of each next step, `[B, T, 6]`. */
function memory(heads: number, { kappa, nu, ...maps }: Readonly<Record<string, Tensor>>, x: Tensor): Tensor {
  // Stored as a tenth, κ would move ten times as fast as the maps, and be sharp before the heads have parted.
  const params = { ...maps, key_scale: mul(kappa!, 0.1), value_scale: mul(nu!, 0.1) };
  // Keys are those of their own step: where the moons stand says where they go.
  const { mixer, config } = contextualMemory({ heads, leak: 40 });
  const [B, T] = x.shape as [number, number, number];
  return mixer.forward({
    params,
    config: validate<object>(mixer.config, config, 'config'),
    x,
    positions: iota([B, T], 1),
    starts: zeros([B], 'i32'),
    lengths: fromHost(new Int32Array(B).fill(T), [B]),
  }).y;
}

/** Mean square error of the steps after the first `seen`, each told from those told before it. */
async function closedLoopError(
  heads: number,
  params: HostParams,
  {
    periods,
    seen,
    ahead,
    measured,
    seed,
  }: Omit<ThreeMoonsSizes, 'seen'> & { readonly seen: number; readonly seed: number },
  device: Device,
): Promise<number> {
  const tensors = Object.fromEntries(
    Object.entries(params).map(([name, { values, shape }]) => [name, fromHost(values, shape)]),
  );
  const real = Array.from({ length: measured }, (_, row) =>
    moonsOf(periods, seen + ahead, foldKey([seed, 0x7e57], row)),
  );
  const told = real.map((row) => row.slice(0, seen));
  for (let step = 0; step < ahead; step++) {
    const T = seen + step;
    const x = fromHost(Float32Array.from(told.flat(2)), [measured, T, D]);
    const next = await read(slice(memory(heads, tensors, x), 1, T - 1, T), device);
    told.forEach((row, b) => row.push(Array.from(next.slice(b * D, (b + 1) * D) as Float32Array)));
  }
  const after = (rows: readonly (readonly (readonly number[])[])[]): number[] =>
    rows.flatMap((row) => row.slice(seen)).flat();
  return meanSquare(after(told), after(real));
}
