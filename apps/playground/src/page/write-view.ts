import type { Report, Request } from '../protocol.ts';
import type { OpenedView } from './opened-view.ts';
import { initialState, nextState } from './state.ts';
import type { PageEvent } from './state.ts';
import { View } from './view.ts';

/** Opens the view in which a model writes: what the person does goes to the worker, what the worker tells is shown. */
export function openWriteView(): OpenedView {
  const view = new View();
  const open = new AbortController();
  const { signal } = open;
  let state = initialState;

  // #region worker
  const worker = new Worker(new URL('../model/worker.ts', import.meta.url), { type: 'module' });
  worker.addEventListener('message', ({ data }: MessageEvent<Report>) => happen(data));
  worker.addEventListener('error', ({ message }) =>
    happen({
      type: 'gone',
      sentence: `The worker that runs the model failed: ${message || 'its script did not load'}.`,
    }),
  );

  function ask(request: Request): void {
    worker.postMessage(request);
  }
  // #endregion worker

  function happen(event: PageEvent): void {
    state = nextState(state, event);
    view.show(state);
  }

  function load(): void {
    happen({ type: 'loading' });
    ask({
      type: 'load',
      address: new URL('llama-4m/', document.baseURI).href,
      wish: new URLSearchParams(location.search).get('device') ?? 'auto',
    });
  }

  function send(): void {
    if (state.phase !== 'idle') return;
    const prompt = view.prompt.value;
    const settings = view.settings();
    happen({ type: 'asked', prompt, seed: settings.temperature > 0 ? settings.seed : undefined });
    ask({ type: 'generate', prompt, settings });
  }

  function stop(): void {
    if (state.phase !== 'generating') return;
    happen({ type: 'stopping' });
    ask({ type: 'stop' });
  }

  view.form.addEventListener(
    'submit',
    (event) => {
      event.preventDefault();
      send();
    },
    { signal },
  );
  view.prompt.addEventListener(
    'keydown',
    (event) => {
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      if (state.phase === 'idle') view.form.requestSubmit(); // which checks the settings first
    },
    { signal },
  );
  document.addEventListener('keydown', ({ key }) => key === 'Escape' && stop(), { signal });
  view.stop.addEventListener('click', stop, { signal });
  view.reload.addEventListener('click', load, { signal });
  load();
  return {
    mayLeave: () => true,
    close() {
      open.abort();
      worker.terminate();
    },
  };
}
