import { gatedDeltaNet, linearAttention } from '@tessera/attention-linear';
import type { AnyMixer, Plugin } from '@tessera/plugin';
import { expect, test } from 'vitest';
import { createAssembler } from './assembler.ts';
import { Registry } from './registry.ts';
import { families } from './test-models.test-data.ts';

const { mixer } = gatedDeltaNet({ keyHeads: 1, keyDim: 1, valueDim: 1 });

test('a plugin or part of another contract is refused', () => {
  const plugin = { ...linearAttention, contract: 'plugin/2' } as unknown as Plugin;
  expect(() => createAssembler({ plugins: [plugin] })).toThrow(
    "@tessera/attention-linear: it follows the contract 'plugin/2', expected 'plugin/1'. Install a version of it, or of the assembler, that fits.",
  );
  const later = { ...mixer, contract: 'sequence-mixer/2' } as unknown as AnyMixer;
  expect(() => new Registry([{ ...linearAttention, mixers: [later] }])).toThrow(
    "@tessera/attention-linear:gated-delta-net: it follows the contract 'sequence-mixer/2', expected 'sequence-mixer/1'.",
  );
});

test('two different parts of one name are refused, the same part twice is not', () => {
  expect(() => new Registry([linearAttention, linearAttention])).not.toThrow();
  expect(() => new Registry([linearAttention], [mixer])).not.toThrow();
  const other = { ...mixer, params: () => ({}) } as AnyMixer;
  expect(() => new Registry([linearAttention], [other])).toThrow(
    '@tessera/attention-linear:gated-delta-net is registered twice, by two different definitions. Install one version of its package.',
  );
});

test('mixers given by value are known to one registry only', () => {
  const empty = new Registry([]);
  expect(empty.with([mixer]).mixer(mixer.name, 'here')).toBe(mixer);
  expect(() => empty.mixer(mixer.name, 'here')).toThrow("here: no mixer '@tessera/attention-linear:gated-delta-net'");
});

test('the table tells what each mixer declares', () => {
  const table = createAssembler({ plugins: families }).capabilities();
  const of = (part: string): unknown => table.find(({ name }) => name.endsWith(`:${part}`));
  expect(of('softmax-attention')).toMatchObject({ decoding: true, trees: 'native', rollback: 'in place', reads: [] });
  expect(of('gated-delta-net')).toMatchObject({ decoding: true, trees: 'native', rollback: 'replay' });
  expect(of('bidirectional-attention')).toMatchObject({ decoding: false, trees: 'none', rollback: 'none' });
});
