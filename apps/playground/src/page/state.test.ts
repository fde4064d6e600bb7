import { expect, test } from 'vitest';
import type { ModelFacts, Retrieval, Speed } from '../protocol.ts';
import { initialState, nextState, wholeText } from './state.ts';
import type { PageEvent, PageState } from './state.ts';
import { plainText } from './streamed-text.ts';

const device = { kind: 'webgpu', name: 'an adapter', notice: undefined };
const model: ModelFacts = {
  parameters: 100,
  mixers: '2 × contextual-memory',
  positions: 64,
  reach: { kind: 'context', refusal: undefined },
  tokenizer: true,
  memories: true,
  draft: undefined,
};
const speed: Speed = { prefillMs: 40, tokens: 2, tokensPerSecond: 30 };
const after = (...events: PageEvent[]): PageState => events.reduce(nextState, initialState);
const ready: PageEvent = { type: 'ready', device, model };
const asked: PageEvent = { type: 'asked', prompt: 'ROMEO:\n', seed: 7 };
const text = (piece: string, rejected = ''): PageEvent => ({
  type: 'text',
  text: piece,
  kind: 'plain',
  rejected,
  speed,
  stateBytes: 1000,
  drafts: undefined,
});
const written = ({ continuation }: PageState): string => plainText(continuation);

test('a model that loads tells how far it is, and then its device', () => {
  const loading = after({ type: 'loading' }, { type: 'progress', doing: 'Loading: 1 of 2 MB', ratio: 0.5 });
  expect(loading).toMatchObject({ phase: 'loading', doing: 'Loading: 1 of 2 MB', ratio: 0.5, device: undefined });
  expect(nextState(loading, ready)).toMatchObject({ phase: 'idle', ratio: undefined, device, model });
});

test('pieces of text join, and the next request begins anew', () => {
  const first = after(ready, asked, text('Ah, '), text('my lord'), { type: 'done', because: 'length' });
  expect(first).toMatchObject({ phase: 'idle', speed, stateBytes: 1000, seed: 7 });
  expect(written(first)).toBe('Ah, my lord');
  const second = nextState(first, { type: 'asked', prompt: 'JULIET:', seed: undefined });
  expect(second).toMatchObject({ prompt: 'JULIET:', speed: undefined, seed: undefined });
  expect(written(second)).toBe('');
});

test('of rejected drafts the newest are kept, until the next request', () => {
  const pieces = Array.from({ length: 20 }, (_, piece) => text('a', piece % 2 === 0 ? '' : String(piece)));
  const rejecting = after(ready, asked, ...pieces);
  expect(rejecting.rejected).toEqual(['19', '17', '15', '13', '11', '9', '7', '5']);
  expect(nextState(rejecting, asked).rejected).toEqual([]);
});

test('text that is on its way when a stop is asked for still counts', () => {
  const stopping = after(ready, asked, text('Ah'), { type: 'stopping' }, text(', my'));
  expect(stopping).toMatchObject({ phase: 'stopping', doing: 'Stopping' });
  expect(written(stopping)).toBe('Ah, my');
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
  expect(loading).toMatchObject({ phase: 'loading', problem: undefined, device: undefined, model: undefined });
  expect(written(loading)).toBe('Ah');
});

test('what heads read is shown until the text is wanted again, and a new text takes it away', () => {
  const retrieval: Retrieval = { tokens: ['Ah'], skipped: 0, heads: [] };
  const reading = after(ready, asked, text('Ah'), { type: 'done', because: 'length' }, { type: 'reading' });
  expect(reading).toMatchObject({ phase: 'reading', retrieval: undefined });
  const shown = nextState(reading, { type: 'retrieved', retrieval });
  expect(shown).toMatchObject({ phase: 'idle', retrieval });
  expect(wholeText(shown)).toBe('ROMEO:\nAh');
  expect(nextState(shown, { type: 'back' }).retrieval).toBeUndefined();
  expect(nextState(shown, asked).retrieval).toBeUndefined();
});
