import type { Report, Request, Retrieval } from '../protocol.ts';
import { EndlessSettings } from './endless-settings.ts';
import { ModelChooser } from './model-chooser.ts';
import type { OpenedView } from './opened-view.ts';
import type { RetrievalView } from './retrieval-view.ts';
import { SpeculationSettings } from './speculation-settings.ts';
import { initialState, nextState, wholeText } from './state.ts';
import type { PageEvent } from './state.ts';
import { TextTools } from './text-tools.ts';
import { View } from './view.ts';
import { WholeText } from './whole-text.ts';

/** Opens the view in which a model writes: what the person does goes to the worker, what the worker tells is shown. */
export function openWriteView(): OpenedView {
  const open = new AbortController();
  const { signal } = open;
  const query = new URLSearchParams(location.search);
  const view = new View();
  const chooser = new ModelChooser(query.get('model'), signal, loadAnother);
  const endless = new EndlessSettings(signal, loadAnother);
  const speculation = new SpeculationSettings(query.get('speculation'), signal, (another) => {
    if (another) loadAnother();
    else show();
  });
  const whole = new WholeText();
  const tools = new TextTools(whole, signal);
  let state = initialState;
  let retrievals: RetrievalView | undefined;
  let frame = 0;
  /** The beginning that the page wrote itself, which makes place for that of another model. */
  let suggested = view.prompt.value;
  let worker = startWorker();

  // #region worker
  function startWorker(): Worker {
    const started = new Worker(new URL('../model/worker.ts', import.meta.url), { type: 'module' });
    started.addEventListener('message', ({ data }: MessageEvent<Report>) => {
      if (started === worker) happen(data);
    });
    started.addEventListener('error', ({ message }) =>
      happen({
        type: 'gone',
        sentence: `The worker that runs the model failed: ${message || 'its script did not load'}.`,
      }),
    );
    return started;
  }

  function ask(request: Request): void {
    worker.postMessage(request);
  }
  // #endregion worker

  function happen(event: PageEvent): void {
    state = nextState(state, event);
    if (event.type === 'text') whole.append(event.text);
    if (event.type === 'ready' && !event.model.tokenizer) suggest('1 2 3');
    // Tokens may come faster than pictures of them.
    if (event.type === 'text') frame ||= requestAnimationFrame(show);
    else show();
  }

  function show(): void {
    cancelAnimationFrame(frame);
    frame = 0;
    const idle = state.phase === 'idle' || state.phase === 'loading' || state.phase === 'gone';
    chooser.show(state.model, idle);
    endless.show(state.model, idle);
    speculation.show(state.model, idle);
    tools.show(state.prompt !== '');
    view.show(state, speculation.wish !== 'off');
    void showRetrieval(state.retrieval);
  }

  /** The view of what heads read comes when it is needed: few models have such heads. */
  async function showRetrieval(retrieval: Retrieval | undefined): Promise<void> {
    if (retrieval) retrievals ??= new (await import('./retrieval-view.ts')).RetrievalView(signal);
    if (retrieval === state.retrieval) retrievals?.show(retrieval);
  }

  function suggest(prompt: string | undefined): void {
    if (prompt === undefined || view.prompt.value !== suggested) return;
    suggested = prompt;
    view.prompt.value = prompt;
  }

  /** A worker has one model: with it goes all that it took, and whatever it was at. */
  function loadAnother(): void {
    worker.terminate();
    worker = startWorker();
    load();
  }

  function load(): void {
    happen({ type: 'loading' });
    const { name, source, prompt } = chooser.chosen;
    suggest(prompt);
    speculation.offer(name);
    ask({
      type: 'load',
      source,
      wish: query.get('device') ?? 'auto',
      sinks: endless.wish,
      draft: speculation.draft,
    });
  }

  function send(): void {
    if (state.phase !== 'idle') return;
    const prompt = view.prompt.value;
    const settings = view.settings();
    whole.begin(prompt);
    happen({ type: 'asked', prompt, seed: settings.temperature > 0 ? settings.seed : undefined });
    ask({ type: 'generate', prompt, settings, endless: endless.endless, speculation: speculation.wish });
  }

  function readHeads(): void {
    if (state.phase !== 'idle') return;
    happen({ type: 'reading' });
    ask({ type: 'retrieve', text: wholeText(state) });
  }

  function back(): void {
    if (!state.retrieval) return;
    happen({ type: 'back' });
    view.heads.focus();
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
  document.addEventListener(
    'keydown',
    ({ key }) => {
      if (key !== 'Escape') return;
      stop();
      back();
    },
    { signal },
  );
  view.stop.addEventListener('click', stop, { signal });
  view.reload.addEventListener('click', load, { signal });
  view.heads.addEventListener('click', readHeads, { signal });
  view.back.addEventListener('click', back, { signal });
  load();
  return {
    mayLeave: () => true,
    close() {
      open.abort();
      cancelAnimationFrame(frame);
      worker.terminate();
    },
  };
}
