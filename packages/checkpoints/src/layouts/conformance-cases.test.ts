import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { modelSpecSchema, validate } from '@tessera/plugin';
import { expect, test } from 'vitest';
import { openSafetensors } from '../safetensors/open-safetensors.ts';
import type { SafetensorsReader } from '../safetensors/safetensors-reader.ts';
import { conformanceCases } from './conformance-cases.test-data.ts';
import { layoutOf } from './layout-of.ts';
import { publishedLayouts } from './published-layouts.ts';
import { oursNames, publishedNames } from './rule-names.ts';
import { planTensors } from './tensors/plan-tensors.ts';
import type { RawTensor, ReadRawTensor } from './tensors/raw-tensor.ts';
import { readOurs } from './tensors/read-ours.ts';
import { settleTies } from './tensors/settle-ties.ts';
import { writePublished } from './tensors/write-published.ts';

const cases = conformanceCases(publishedLayouts.flatMap(({ modelTypes }) => modelTypes));

function rawReader(file: SafetensorsReader): ReadRawTensor {
  return async (name) => {
    const { dtype, shape } = file.tensors.get(name)!;
    return { dtype, shape, bytes: await file.read(name) };
  };
}

/** Bytes are compared as one value: element by element takes seconds. */
function expectSame(name: string, actual: RawTensor, expected: RawTensor): void {
  const summary = ({ dtype, shape }: RawTensor, difference: number): unknown => ({ name, dtype, shape, difference });
  expect(summary(actual, Buffer.compare(actual.bytes, expected.bytes))).toEqual(summary(expected, 0));
}

test('all models of the repository are tried', () => {
  expect(cases.filter(({ path }) => path.includes('cases')).length).toBeGreaterThanOrEqual(81);
});

test.each(cases)('$name: the config makes a spec', ({ config, contextLength }) => {
  const { spec } = layoutOf(config).toSpec(config, contextLength === undefined ? {} : { contextLength });
  validate(modelSpecSchema, spec, 'spec');
  expect(JSON.parse(JSON.stringify(spec))).toEqual(spec);
  expect(spec.maxPositions).toBeGreaterThanOrEqual(24);
});

test.each(cases)('$name: loading and saving gives the same bytes', async ({ config, path }) => {
  const file = await openSafetensors(new Uint8Array(readFileSync(join(path, 'model.safetensors'))));
  const layout = layoutOf(config);
  const present = new Map([...file.tensors].map(([name, { shape }]) => [name, shape]));
  const read = rawReader(file);
  const plan = planTensors(layout.rules(config, present), present, { ignored: layout.ignored });
  const { rules, warnings } = await settleTies(layout.toSpec(config).spec, plan.rules, read);
  expect(warnings).toEqual([]);

  const published = rules.flatMap(publishedNames);
  expect(new Set(published).size).toBe(published.length);
  expect([...published, ...plan.ignored].toSorted()).toEqual([...present.keys()].toSorted());
  const names = rules.flatMap(oursNames);
  expect(new Set(names).size).toBe(names.length);

  const ours = new Map<string, RawTensor>();
  for (const rule of rules) for (const [name, tensor] of await readOurs(rule, read)) ours.set(name, tensor);
  expect([...ours.keys()].toSorted()).toEqual([...plan.ours.keys()].toSorted());
  for (const [name, tensor] of ours) expect(tensor.shape).toEqual(plan.ours.get(name));
  for (const rule of rules)
    for (const [name, saved] of await writePublished(rule, async (our) => ours.get(our)!))
      expectSame(name, saved, await read(name));
});
