import { checkNames, checkNumber, oneOf } from '../check-options.ts';
import type { NewtonSchulz } from './orthogonalize.ts';

/** Which tensors weight decay counts for: those published with two axes or more, or all. */
export type Decayed = 'matrices' | 'all';

/** AdamW. */
export interface AdamWOptions {
  readonly kind: 'adamw';
  /** Before the schedule. */
  readonly learningRate: number;
  /** Weights of what was, in the running means of the gradient and of its square. @defaultValue [0.9, 0.95] */
  readonly betas?: readonly [number, number] | undefined;
  /** @defaultValue 1e-8 */
  readonly eps?: number | undefined;
  /** @defaultValue 0.1 */
  readonly weightDecay?: number | undefined;
  /** @defaultValue 'matrices' */
  readonly decayed?: Decayed | undefined;
}

/** Stochastic gradient descent. */
export interface SgdOptions {
  readonly kind: 'sgd';
  /** Before the schedule. */
  readonly learningRate: number;
  /** @defaultValue 0.9 */
  readonly momentum?: number | undefined;
  /** Part of each gradient but the first that the momentum does not take. @defaultValue 0 */
  readonly dampening?: number | undefined;
  /** @defaultValue false */
  readonly nesterov?: boolean | undefined;
  /** @defaultValue 0 */
  readonly weightDecay?: number | undefined;
  /** @defaultValue 'matrices' */
  readonly decayed?: Decayed | undefined;
}

/** Muon for matrices, AdamW for the rest. */
export interface MuonOptions {
  readonly kind: 'muon';
  /** Of the matrices, before the schedule. */
  readonly learningRate: number;
  /** @defaultValue 0.95 */
  readonly momentum?: number | undefined;
  /** @defaultValue true */
  readonly nesterov?: boolean | undefined;
  /** Of the matrices. @defaultValue 0.1 */
  readonly weightDecay?: number | undefined;
  /** How the learning rate depends on a matrix: √max(1, rows/columns), or 0.2 √max(rows, columns). @defaultValue 'original' */
  readonly adjustment?: 'original' | 'match-rms-adamw' | undefined;
  /** @defaultValue those of PyTorch: 5 steps, rounded to bf16 */
  readonly newtonSchulz?: Partial<NewtonSchulz> | undefined;
  /**
   * Published tensors whose name contains one of these are left to AdamW.
   * @defaultValue embeddings and the output head, whatever they are called
   */
  readonly exclude?: readonly string[] | undefined;
  /** For all that is not a matrix of two axes, or excluded. @defaultValue a learning rate of 0.003, and no weight decay */
  readonly adamw?: Omit<AdamWOptions, 'kind'> | undefined;
}

/** How parameters are updated: plain data, kept with a checkpoint. */
export type OptimizerOptions = AdamWOptions | SgdOptions | MuonOptions;

/** {@link AdamWOptions} without gaps. */
export interface AdamWSettings {
  readonly kind: 'adamw';
  readonly learningRate: number;
  readonly betas: readonly [number, number];
  readonly eps: number;
  readonly weightDecay: number;
  readonly decayed: Decayed;
}

/** {@link SgdOptions} without gaps. */
export interface SgdSettings {
  readonly kind: 'sgd';
  readonly learningRate: number;
  readonly momentum: number;
  readonly dampening: number;
  readonly nesterov: boolean;
  readonly weightDecay: number;
  readonly decayed: Decayed;
}

/** {@link MuonOptions} without gaps. */
export interface MuonSettings {
  readonly kind: 'muon';
  readonly learningRate: number;
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly weightDecay: number;
  readonly adjustment: 'original' | 'match-rms-adamw';
  readonly newtonSchulz: NewtonSchulz;
  /** Undefined: embeddings and the output head. */
  readonly exclude: readonly string[] | undefined;
  readonly adamw: AdamWSettings;
}

/** {@link OptimizerOptions} without gaps. */
export type OptimizerSettings = AdamWSettings | SgdSettings | MuonSettings;

/**
 * Options with their defaults.
 * @throws {@link UnsupportedOptionError} naming what is unknown or out of range
 */
export function optimizerSettings(given: OptimizerOptions): OptimizerSettings {
  const where = 'optimizer';
  switch (given.kind) {
    case 'adamw':
      return adamWSettings(given, where, 0.1);
    case 'sgd':
      return sgdSettings(given, where);
    case 'muon':
      return muonSettings(given, where);
    default:
      oneOf((given as { readonly kind: unknown }).kind, ['adamw', 'sgd', 'muon'], `${where}.kind`);
      return given;
  }
}

function adamWSettings(given: Omit<AdamWOptions, 'kind'>, where: string, decay: number): AdamWSettings {
  checkNames(given, ['kind', 'learningRate', 'betas', 'eps', 'weightDecay', 'decayed'], where);
  const { learningRate, betas = [0.9, 0.95], eps = 1e-8, weightDecay = decay, decayed = 'matrices' } = given;
  checkNumber(learningRate, `${where}.learningRate`, { min: 0 });
  if (!Array.isArray(betas) || betas.length !== 2) checkNumber(betas, `${where}.betas`);
  betas.forEach((beta, index) => checkNumber(beta, `${where}.betas.${index}`, { min: 0, below: 1 }));
  checkNumber(eps, `${where}.eps`, { min: 0 });
  checkNumber(weightDecay, `${where}.weightDecay`, { min: 0 });
  oneOf(decayed, ['matrices', 'all'], `${where}.decayed`);
  return { kind: 'adamw', learningRate, betas: [betas[0], betas[1]], eps, weightDecay, decayed };
}

function sgdSettings(given: SgdOptions, where: string): SgdSettings {
  checkNames(given, ['kind', 'learningRate', 'momentum', 'dampening', 'nesterov', 'weightDecay', 'decayed'], where);
  const { learningRate, momentum = 0.9, dampening = 0, nesterov = false } = given;
  const { weightDecay = 0, decayed = 'matrices' } = given;
  checkNumber(learningRate, `${where}.learningRate`, { min: 0 });
  checkNumber(momentum, `${where}.momentum`, { min: 0 });
  checkNumber(dampening, `${where}.dampening`);
  checkNumber(weightDecay, `${where}.weightDecay`, { min: 0 });
  oneOf(nesterov, [true, false], `${where}.nesterov`);
  oneOf(decayed, ['matrices', 'all'], `${where}.decayed`);
  // As PyTorch refuses it: what lies ahead is not defined otherwise.
  if (nesterov) {
    checkNumber(momentum, `${where}.momentum with nesterov`, { above: 0 });
    oneOf(dampening, [0], `${where}.dampening with nesterov`);
  }
  return { kind: 'sgd', learningRate, momentum, dampening, nesterov, weightDecay, decayed };
}

function muonSettings(given: MuonOptions, where: string): MuonSettings {
  checkNames(
    given,
    ['kind', 'learningRate', 'momentum', 'nesterov', 'weightDecay', 'adjustment', 'newtonSchulz', 'exclude', 'adamw'],
    where,
  );
  const { learningRate, momentum = 0.95, nesterov = true, weightDecay = 0.1, adjustment = 'original' } = given;
  checkNumber(learningRate, `${where}.learningRate`, { min: 0 });
  checkNumber(momentum, `${where}.momentum`, { min: 0, below: 1 });
  checkNumber(weightDecay, `${where}.weightDecay`, { min: 0 });
  oneOf(nesterov, [true, false], `${where}.nesterov`);
  oneOf(adjustment, ['original', 'match-rms-adamw'], `${where}.adjustment`);
  return {
    kind: 'muon',
    learningRate,
    momentum,
    nesterov,
    weightDecay,
    adjustment,
    newtonSchulz: newtonSchulzOf(given.newtonSchulz ?? {}, `${where}.newtonSchulz`),
    exclude: given.exclude,
    adamw: adamWSettings(given.adamw ?? { learningRate: 0.003 }, `${where}.adamw`, 0),
  };
}

function newtonSchulzOf(given: Partial<NewtonSchulz>, where: string): NewtonSchulz {
  checkNames(given, ['steps', 'coefficients', 'eps', 'precision'], where);
  const { steps = 5, coefficients = [3.4445, -4.775, 2.0315], eps = 1e-7, precision = 'bf16' } = given;
  checkNumber(steps, `${where}.steps`, { min: 1, below: 100, whole: true });
  if (!Array.isArray(coefficients) || coefficients.length !== 3) checkNumber(coefficients, `${where}.coefficients`);
  coefficients.forEach((each, index) => checkNumber(each, `${where}.coefficients.${index}`));
  checkNumber(eps, `${where}.eps`, { min: 0 });
  oneOf(precision, ['bf16', 'f32'], `${where}.precision`);
  return { steps, coefficients, eps, precision };
}
