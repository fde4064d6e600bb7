import { memorySource, openSafetensors } from '@tessera/checkpoints';
import { storyAt } from '@tessera/data';
import { CpuDevice } from '@tessera/tensor-core';
import { unzipSync } from 'fflate';
import { afterEach, expect, test } from 'vitest';
import type { Recipe, TrainReport } from '../protocol.ts';
import { Workshop } from './workshop.ts';

const recipe: Recipe = {
  mixing: 'attention',
  width: 16,
  layers: 1,
  vocabulary: 257,
  context: 16,
  batch: 2,
  steps: 20,
  optimizer: 'adamw',
  learningRate: 0.01,
  seed: 1,
};

let opened: { readonly shop: Workshop; readonly device: CpuDevice; readonly told: TrainReport[] };

function open(onReport: (report: TrainReport) => void = () => {}): typeof opened {
  const told: TrainReport[] = [];
  const device = new CpuDevice({ simd: false });
  const shop = new Workshop(device, (report) => {
    told.push(report);
    onReport(report);
  });
  return (opened = { shop, device, told });
}

afterEach(() => expectNothingLeft());

async function expectNothingLeft(): Promise<void> {
  await opened.shop.discard();
  expect(opened.device.allocatedBytes).toBe(0);
}

function of<Type extends TrainReport['type']>(type: Type): Extract<TrainReport, { type: Type }>[] {
  return opened.told.filter((report): report is Extract<TrainReport, { type: Type }> => report.type === type);
}

const losses = (): number[] => of('steps').flatMap((report) => report.losses);
const written = (): string =>
  of('text')
    .map(({ text }) => text)
    .join('');

test('trains on stories: the loss falls, is measured beside, and texts come meanwhile', async () => {
  const { shop, told } = open();
  await shop.train(recipe, { type: 'stories' });
  expect(of('began')).toMatchObject([{ model: { contextLength: 16 }, tokens: undefined, notice: undefined }]);
  expect(losses()).toHaveLength(20);
  expect(losses().at(-1)).toBeLessThan(losses()[0]! - 0.5);
  expect(of('evaluated').at(-1)).toMatchObject({ step: 20, loss: expect.any(Number) });
  expect(of('writing').map(({ step }) => step)).toEqual([20]);
  expect(told.at(-1)).toEqual({ type: 'ended', because: 'steps' });
});

test('a pause goes on with the losses of a training that had none', async () => {
  const whole = open();
  await whole.shop.train(recipe, { type: 'stories' });
  const expected = losses();
  await whole.shop.discard();

  const { shop, told } = open((report) => {
    if (report.type === 'evaluated' && report.step === 5) void shop.halt('pause');
  });
  await shop.train(recipe, { type: 'stories' });
  expect(told.at(-1)).toEqual({ type: 'paused' });
  expect(losses()).toHaveLength(5);
  await shop.write({ type: 'write', prompt: 'Once', temperature: 1, seed: 3 });
  expect(of('writing').at(-1)).toEqual({ type: 'writing', step: 5, prompt: 'Once' });
  await shop.continue();
  expect(losses()).toEqual(expected);
});

test('what was stopped is packed as a checkpoint, and loads again with the same words', async () => {
  const { shop, told } = open((report) => {
    if (report.type === 'evaluated' && report.step === 5) void shop.halt('stop');
  });
  await shop.train(recipe, { type: 'stories' });
  expect(told.at(-1)).toEqual({ type: 'ended', because: 'stop' });
  const writing = { type: 'write', prompt: 'Once', temperature: 0, seed: 1 } as const;
  opened.told.length = 0;
  await shop.write(writing);
  const before = written();
  expect(before).not.toBe('');

  const zip = await shop.pack();
  const files = unzipSync(zip);
  expect(Object.keys(files).toSorted()).toEqual([
    'README.txt',
    'config.json',
    'model.safetensors',
    'tokenizer.json',
    'tokenizer_config.json',
  ]);
  const reader = await openSafetensors(memorySource(files));
  expect(reader.tensors.get('model.embed_tokens.weight')).toMatchObject({ dtype: 'F32', shape: [257, 16] });

  await shop.load([new File([zip], 'model.zip')]);
  expect(told.at(-1)).toMatchObject({ type: 'loaded', name: 'model.zip', model: { contextLength: 16 } });
  opened.told.length = 0;
  await shop.write(writing);
  expect(written()).toBe(before);
});

test.each(['gated-delta-net', 'hybrid'] as const)('%s trains too, and loads again', async (mixing) => {
  const { shop } = open();
  await shop.train({ ...recipe, mixing, layers: 2, steps: 3, width: 32 }, { type: 'stories' });
  expect(losses()).toHaveLength(3);
  await shop.load([new File([await shop.pack()], 'model.zip')]);
  expect(of('loaded')).toHaveLength(1);
});

test('a text of one’s own is learned from with pieces of words, and its end is kept apart', async () => {
  const { shop } = open();
  const text = Array.from({ length: 20 }, (_, number) => `${storyAt(number, 9).text}\n`).join('');
  await shop.train({ ...recipe, vocabulary: 300, steps: 2 }, { type: 'written', text });
  expect(of('preparing').map(({ doing }) => doing)).toContain('Learning pieces of words: 300 of 300');
  expect(of('began')[0]!.tokens).toBeGreaterThan(500);
  expect(of('evaluated').length).toBeGreaterThan(0);
});

test('a text that is too short to keep an end apart says so, and is learned from', async () => {
  const { shop } = open();
  await shop.train({ ...recipe, steps: 1 }, { type: 'written', text: 'no line ends here '.repeat(20) });
  expect(of('began')[0]!.notice).toContain('no end of the text can be kept apart');
  expect(losses()).toHaveLength(1);
});

test('no text, and too little of it, are sentences', async () => {
  const { shop } = open();
  await expect(shop.train(recipe, { type: 'written', text: ' ' })).rejects.toThrow('There is no text to learn from.');
  await expect(shop.train(recipe, { type: 'written', text: 'short' })).rejects.toThrow('Use more text');
});

test('a stop while it prepares leaves nothing', async () => {
  const { shop, told } = open((report) => {
    if (report.type === 'preparing') void shop.halt('stop');
  });
  await shop.train({ ...recipe, vocabulary: 4096 }, { type: 'stories' });
  expect(told.at(-1)).toEqual({ type: 'cancelled' });
  await expect(shop.pack()).rejects.toThrow('There is no model here.');
});

test('a loss that is no number ends it, and the model of the step before is kept', async () => {
  const { shop, told } = open();
  await shop.train({ ...recipe, optimizer: 'sgd', learningRate: 1e30 }, { type: 'stories' });
  expect(told.at(-1)).toMatchObject({
    type: 'ended',
    because: 'problem',
    sentence: expect.stringContaining('at step'),
  });
  expect((await shop.pack()).length).toBeGreaterThan(1000);
});

test('files that are no model are told', async () => {
  const { shop } = open();
  await expect(shop.load([new File(['no zip'], 'model.zip')])).rejects.toThrow('model.zip: it is no zip');
  await expect(shop.load([new File(['{}'], 'config.json')])).rejects.toThrow(/config\.json/);
});
