import { softwareGpu } from '@tessera/software-gpu';
import { expect, test } from 'vitest';
import { openDevice } from '../adapter.ts';
import { benchSpeculation } from './bench-speculation.ts';
import type { Subject } from './subjects.ts';
import { speculationSubjects } from './subjects.ts';

test('a target speculates with a draft that is right as often as it should be, and its text is the plain one', async () => {
  const { device } = await openDevice(await softwareGpu(), { dry: true });
  const [subject] = speculationSubjects('dry', { models: [], draft: undefined, heads: undefined }) as [Subject];
  const context = { device, scale: 'dry', texts: 1, timestamps: true, inTime: () => true } as const;
  const { outcome, reason, text, rows, plain } = await benchSpeculation(context, subject);
  expect([outcome, reason, plain]).toEqual(['dry', undefined, undefined]);
  expect(text).toMatchObject({ tokens: 16, prompt: 12 });
  expect(rows).toEqual(subject.plans.map((plan) => ({ plan, outcome: 'dry' })));
  expect(device.allocatedBytes).toBe(0);
  device.dispose();
});
