import { expect, test } from 'vitest';
import type { Speed } from '../../protocol.ts';
import type { Recipe } from '../protocol.ts';
import { initialTrainState, nextTrainState } from './train-state.ts';
import type { TrainEvent, TrainState } from './train-state.ts';

const device = { kind: 'webgpu', name: 'an adapter', notice: undefined };
const speed: Speed = { prefillMs: 40, tokens: 2, tokensPerSecond: 30 };
const recipe: Recipe = {
  mixing: 'hybrid',
  width: 64,
  layers: 4,
  vocabulary: 257,
  context: 64,
  batch: 8,
  steps: 100,
  optimizer: 'muon',
  learningRate: 0.02,
  seed: 1,
};
const model = { parameters: 1000, contextLength: 64 };

const ready: TrainEvent = { type: 'ready', device };
const started: TrainEvent = { type: 'started', recipe, texts: 'stories' };
const began: TrainEvent = { type: 'began', model, tokens: undefined, notice: undefined };
const steps = (step: number, ...losses: number[]): TrainEvent => ({ type: 'steps', step, losses, tokensPerSecond: 10 });
const after = (...events: TrainEvent[]): TrainState => events.reduce(nextTrainState, initialTrainState);
const training = [ready, { type: 'measured', parameters: 1000 }, started, began, steps(2, 6, 5)] as const;

test('a training tells how far its preparation is, and then its losses', () => {
  const preparing = after(ready, started, { type: 'preparing', doing: 'Reading the texts', ratio: 0.5 });
  expect(preparing).toMatchObject({ phase: 'preparing', doing: 'Reading the texts', ratio: 0.5, recipe });
  const state = after(...training, steps(3, 4), { type: 'evaluated', step: 3, loss: 4.5 });
  expect(state).toMatchObject({ phase: 'training', doing: 'Training', ratio: undefined, step: 3, unsaved: true });
  expect(state.losses).toEqual([6, 5, 4]);
  expect(state.evaluations).toEqual([{ step: 3, loss: 4.5 }]);
});

test('a pause comes after the steps under way, and keeps what there is', () => {
  const halting = after(...training, { type: 'halting' }, steps(3, 4));
  expect(halting).toMatchObject({ phase: 'training', halting: true, doing: 'Ending the step', step: 3 });
  const paused = nextTrainState(halting, { type: 'paused' });
  expect(paused).toMatchObject({ phase: 'paused', halting: false, losses: [6, 5, 4] });
  expect(nextTrainState(paused, { type: 'continued' })).toMatchObject({ phase: 'training', losses: [6, 5, 4] });
});

test('a stop where nothing is under way changes nothing', () => {
  const state = after(ready);
  expect(nextTrainState(state, { type: 'halting' })).toBe(state);
});

test('pieces of a text join the newest one', () => {
  const state = after(
    ...training,
    { type: 'writing', step: 2, prompt: '' },
    { type: 'text', text: 'One', speed },
    { type: 'written' },
    { type: 'asked' },
    { type: 'writing', step: 2, prompt: 'Once' },
    { type: 'text', text: ' upon', speed },
    { type: 'text', text: ' a', speed },
  );
  expect(state.samples.map(({ number, prompt, text }) => [number, prompt, text])).toEqual([
    [1, '', 'One'],
    [2, 'Once', ' upon a'],
  ]);
  expect(state).toMatchObject({ writing: true, wanted: false });
});

test('of many texts the last fifty are kept, under their numbers', () => {
  const texts = Array.from({ length: 60 }, (): TrainEvent => ({ type: 'writing', step: 2, prompt: '' }));
  const { samples } = after(...training, ...texts);
  expect([samples.length, samples[0]!.number, samples.at(-1)!.number]).toEqual([50, 11, 60]);
});

test('what was downloaded can be left, until there is more of it', () => {
  const bytes = new Uint8Array(0);
  const packed = after(...training, { type: 'paused' }, { type: 'packing' }, { type: 'packed', bytes });
  expect(packed).toMatchObject({ unsaved: false, packing: false });
  expect(nextTrainState(packed, steps(3, 4)).unsaved).toBe(true);
});

test('a preparation or a step that fails leaves the form, with its sentence', () => {
  for (const events of [[ready, started], training]) {
    const state = after(...events, { type: 'failed', sentence: 'There is no text.' });
    expect(state).toMatchObject({ phase: 'setup', problem: 'There is no text.', device, losses: [], unsaved: false });
  }
});

test('a text that fails leaves the model', () => {
  const state = after(
    ...training,
    { type: 'ended', because: 'stop' },
    { type: 'asked' },
    { type: 'failed', sentence: 'No.' },
  );
  expect(state).toMatchObject({ phase: 'done', wanted: false, problem: 'No.', model });
});

test('a training that ends before its time says why, and its model stays', () => {
  const state = after(...training, { type: 'ended', because: 'problem', sentence: 'The loss is NaN.' });
  expect(state).toMatchObject({ phase: 'done', problem: 'The loss is NaN.', model, losses: [6, 5] });
});

test('a lost device takes the model, and the curve stays until another one is opened', () => {
  const gone = after(...training, { type: 'gone', sentence: 'The device was lost.' });
  expect(gone).toMatchObject({ phase: 'gone', problem: 'The device was lost.', losses: [6, 5], unsaved: false });
  expect(nextTrainState(gone, { type: 'opening' })).toEqual({ ...initialTrainState, measured: 1000 });
});

test('a model from files takes the place of what was there', () => {
  const state = after(...training, { type: 'ended', because: 'steps' }, { type: 'loaded', name: 'model.zip', model });
  expect(state).toMatchObject({
    phase: 'done',
    name: 'model.zip',
    model,
    recipe: undefined,
    losses: [],
    unsaved: false,
  });
});
