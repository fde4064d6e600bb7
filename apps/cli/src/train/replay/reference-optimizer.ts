import type { AdamWOptions, Decayed, OptimizerOptions } from '@tessera/training';
import type { JsonRecord } from './json-record.ts';
import { wrong } from './json-record.ts';

const muonName = 'Muon on 2-D tensors other than embed and lm_head, AdamW on the rest';

/**
 * The optimiser of a trajectory, with the defaults of PyTorch where a setting is left out.
 * @throws {@link ModelFormatError} naming a field or value that is not understood
 */
export function readOptimizer(record: JsonRecord): OptimizerOptions {
  const name = record.text('name');
  switch (name) {
    case 'AdamW':
      return { kind: 'adamw', ...readAdamW(record) };
    case 'SGD':
      return readSgd(record);
    case muonName:
      return readMuon(record);
    default:
      throw wrong(record.at('name'), name, `"AdamW", "SGD" or "${muonName}"`);
  }
}

function readAdamW(record: JsonRecord): Omit<AdamWOptions, 'kind'> {
  const betas = record.has('betas') ? record.numbers('betas') : [0.9, 0.999];
  if (betas.length !== 2) throw wrong(record.at('betas'), betas, 'two numbers');
  const read = {
    learningRate: record.number('lr'),
    betas: [betas[0]!, betas[1]!] as const,
    eps: record.numberOr('eps', 1e-8),
    ...readDecay(record, 0.01),
  };
  refuse(record, 'amsgrad', 'maximize');
  record.end();
  return read;
}

function readSgd(record: JsonRecord): OptimizerOptions {
  const read = {
    kind: 'sgd',
    learningRate: record.number('lr'),
    momentum: record.numberOr('momentum', 0),
    dampening: record.numberOr('dampening', 0),
    nesterov: record.flag('nesterov', false),
    ...readDecay(record, 0),
  } as const;
  refuse(record, 'maximize');
  record.end();
  return read;
}

function readMuon(record: JsonRecord): OptimizerOptions {
  const [muon, adamw] = [record.record('muon'), record.record('adamw')];
  record.end();
  const coefficients = muon.has('ns_coefficients') ? muon.numbers('ns_coefficients') : undefined;
  if (coefficients && coefficients.length !== 3) throw wrong(muon.at('ns_coefficients'), coefficients, 'three numbers');
  const read = {
    kind: 'muon',
    learningRate: muon.number('lr'),
    momentum: muon.numberOr('momentum', 0.95),
    nesterov: muon.flag('nesterov', true),
    weightDecay: muon.numberOr('weight_decay', 0.1),
    adjustment: readAdjustment(muon),
    newtonSchulz: {
      steps: muon.numberOr('ns_steps', 5),
      ...(muon.has('eps') && { eps: muon.number('eps') }),
      ...(coefficients && { coefficients: coefficients as [number, number, number] }),
    },
    exclude: ['embed', 'lm_head'],
    adamw: readAdamW(adamw),
  } as const;
  muon.end();
  return read;
}

function readAdjustment(muon: JsonRecord): 'original' | 'match-rms-adamw' {
  const name = 'adjust_lr_fn';
  const value = muon.has(name) ? muon.value(name) : null;
  if (value === null || value === 'torch default' || value === 'original') return 'original';
  if (value === 'match_rms_adamw') return 'match-rms-adamw';
  throw wrong(muon.at(name), value, '"torch default", "original" or "match_rms_adamw"');
}

/** A number counts for every tensor; a sentence says for which. */
function readDecay(record: JsonRecord, absent: number): { weightDecay: number; decayed: Decayed } {
  const name = 'weight_decay';
  const value = record.has(name) ? record.value(name) : absent;
  if (typeof value === 'number') return { weightDecay: value, decayed: 'all' };
  const sentence =
    /^(\d+(?:\.\d+)?(?:e-?\d+)?) on (?:all tensors|(tensors with 2 or more dimensions, 0 on the others))$/;
  const match = typeof value === 'string' ? sentence.exec(value) : undefined;
  if (match) return { weightDecay: Number(match[1]), decayed: match[2] === undefined ? 'all' : 'matrices' };
  throw wrong(record.at(name), value, 'a number, or "0.1 on tensors with 2 or more dimensions, 0 on the others"');
}

/** Settings that are understood only when they are off. */
function refuse(record: JsonRecord, ...names: readonly string[]): void {
  for (const name of names) if (record.flag(name, false)) throw wrong(record.at(name), true, 'false');
}
