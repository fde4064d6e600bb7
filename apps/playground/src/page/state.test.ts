import { expect, test } from 'vitest';
import type { Speed } from '../protocol.ts';
import { initialState, nextState } from './state.ts';
import type { PageEvent, PageState } from './state.ts';

const device = { kind: 'webgpu', name: 'an adapter', notice: undefined };
const speed: Speed = { prefillMs: 40, tokens: 2, tokensPerSecond: 30 };
const after = (...events: PageEvent[]): PageState => events.reduce(nextState, initialState);
const ready: PageEvent = { type: 'ready', device };
const asked: PageEvent = { type: 'asked', prompt: 'ROMEO:\n', seed: 7 };
const text = (piece: string): PageEvent => ({ type: 'text', text: piece, speed });

test('a model that loads tells how far it is, and then its device', () => {
  const loading = after({ type: 'loading' }, { type: 'progress', doing: 'Loading: 1 of 2 MB', ratio: 0.5 });
  expect(loading).toMatchObject({ phase: 'loading', doing: 'Loading: 1 of 2 MB', ratio: 0.5, device: undefined });
  expect(nextState(loading, ready)).toMatchObject({ phase: 'idle', ratio: undefined, device });
});

test('pieces of text join, and the next request begins anew', () => {
  const first = after(ready, asked, text('Ah, '), text('my lord'), { type: 'done', because: 'length' });
  expect(first).toMatchObject({ phase: 'idle', continuation: 'Ah, my lord', speed, seed: 7 });
  const second = nextState(first, { type: 'asked', prompt: 'JULIET:', seed: undefined });
  expect(second).toMatchObject({ prompt: 'JULIET:', continuation: '', speed: undefined, seed: undefined });
});

test('text that is on its way when a stop is asked for still counts', () => {
  const stopping = after(ready, asked, text('Ah'), { type: 'stopping' }, text(', my'));
  expect(stopping).toMatchObject({ phase: 'stopping', doing: 'Stopping', continuation: 'Ah, my' });
  expect(nextState(stopping, { type: 'done', because: 'stopped' })).toMatchObject({ phase: 'idle', doing: 'Stopped' });
});

test('a stop that comes too late changes nothing', () => {
  const done = after(ready, asked, text('Ah'), { type: 'done', because: 'stop' });
  expect(nextState(done, { type: 'stopping' })).toBe(done);
});

test('a generation that fails leaves the model, and the next request clears the sentence', () => {
  const failed = after(ready, asked, { type: 'failed', sentence: 'The prompt does not fit.' });
  expect(failed).toMatchObject({ phase: 'idle', device, problem: 'The prompt does not fit.' });
  expect(nextState(failed, asked).problem).toBeUndefined();
});

test('a lost device takes the model, and the text stays while another one is loaded', () => {
  const gone = after(ready, asked, text('Ah'), { type: 'gone', sentence: 'The device was lost.' });
  expect(gone).toMatchObject({ phase: 'gone', problem: 'The device was lost.' });
  const loading = nextState(gone, { type: 'loading' });
  expect(loading).toMatchObject({ phase: 'loading', problem: undefined, device: undefined, continuation: 'Ah' });
});
