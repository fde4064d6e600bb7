// The model's side of the page: everything that takes long happens here, so that the page never stutters.
import './dispose-symbols.ts';
import { isTesseraError } from '@tessera/tensor-core';
import type { Report, Request } from '../protocol.ts';
import { generate } from './generate.ts';
import { loadModel } from './load-model.ts';
import type { Loaded } from './load-model.ts';
import { sentenceOf } from './sentence-of.ts';

// #region answer
let loaded: Loaded | undefined;
let generation: AbortController | undefined;

addEventListener('message', ({ data }: MessageEvent<Request>) => void answer(data));

async function answer(request: Request): Promise<void> {
  try {
    switch (request.type) {
      case 'load':
        loaded = await loadModel(request, loaded, tell);
        return;
      case 'generate':
        generation = new AbortController();
        return await generate(loaded!, request, generation.signal, tell);
      case 'stop':
        return generation?.abort();
      case 'retrieve': {
        const { retrieve } = await import('./retrieve.ts');
        tell({ type: 'retrieved', retrieval: await retrieve(loaded!.model, request.text) });
      }
    }
  } catch (error) {
    const lost = isTesseraError(error) && error.code === 'DEVICE_LOST';
    if (request.type === 'load' || lost) tell({ type: 'gone', sentence: sentenceOf(error) });
    else tell({ type: 'failed', sentence: sentenceOf(error) });
  }
}
// #endregion answer

function tell(report: Report): void {
  postMessage(report);
}
