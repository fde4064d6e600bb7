import './train.css';
import { element } from '../../page/elements.ts';
import type { OpenedView } from '../../page/opened-view.ts';
import { saveFile } from '../../page/save-file.ts';
import type { TrainReport, TrainRequest } from '../protocol.ts';
import { TrainForm } from './train-form.ts';
import { initialTrainState, nextTrainState } from './train-state.ts';
import type { TrainEvent, TrainState } from './train-state.ts';
import { TrainView } from './train-view.ts';

/** Seeds of texts that are written on demand; they need not be known. */
const seeds = 2 ** 32;

/** Opens the view in which a model is trained: what the person does goes to the worker, what the worker tells is shown. */
export function openTrainView(): OpenedView {
  const open = new AbortController();
  const { signal } = open;
  const view = new TrainView(signal);
  const form = new TrainForm(measure, signal);
  const wish = new URLSearchParams(location.search).get('device') ?? 'auto';
  let state: TrainState = initialTrainState;
  let drawing = 0;
  let worker = openWorker();

  function openWorker(): Worker {
    const made = new Worker(new URL('../model/training-worker.ts', import.meta.url), { type: 'module' });
    made.addEventListener('message', ({ data }: MessageEvent<TrainReport>) => happen(data));
    made.addEventListener('error', ({ message }) =>
      happen({ type: 'gone', sentence: `The worker that trains failed: ${message || 'its script did not load'}.` }),
    );
    made.postMessage({ type: 'open', wish } satisfies TrainRequest);
    return made;
  }

  function ask(request: TrainRequest): void {
    worker.postMessage(request);
  }

  function happen(event: TrainEvent): void {
    state = nextTrainState(state, event);
    if (event.type === 'ready') {
      if (event.device.kind === 'cpu') form.suggestForProcessor();
      measure();
    }
    if (event.type === 'packed') saveFile('tessera-model.zip', new Blob([event.bytes], { type: 'application/zip' }));
    // Steps come faster than a screen shows them.
    drawing ||= requestAnimationFrame(draw);
  }

  function draw(): void {
    drawing = 0;
    const { batch, context } = form.recipe();
    view.show(state, form.valid ? batch * context : undefined);
  }

  function measure(): void {
    if (form.valid) ask({ type: 'measure', recipe: form.recipe() });
    drawing ||= requestAnimationFrame(draw);
  }

  /** True when nothing would be lost, or the person wants it so. */
  async function mayLose(): Promise<boolean> {
    if (!state.unsaved) return true;
    const dialog = element('leave', HTMLDialogElement);
    dialog.returnValue = '';
    dialog.showModal();
    await new Promise((resolve) => dialog.addEventListener('close', resolve, { once: true }));
    return dialog.returnValue === 'leave';
  }

  function listen(target: EventTarget, type: string, act: (event: Event) => void): void {
    target.addEventListener(type, act, { signal });
  }

  listen(form.form, 'submit', (event) => {
    event.preventDefault();
    if (state.phase !== 'setup') return;
    const [recipe, texts] = [form.recipe(), form.texts()];
    happen({ type: 'started', recipe, texts: texts.type });
    ask({ type: 'train', recipe, texts });
  });
  listen(view.pause, 'click', () => {
    if (state.halting) return;
    if (state.phase === 'paused') {
      happen({ type: 'continued' });
      ask({ type: 'continue' });
    } else {
      happen({ type: 'halting' });
      ask({ type: 'pause' });
    }
  });
  listen(view.stop, 'click', () => {
    if (state.halting) return;
    happen({ type: 'halting' });
    ask({ type: 'stop' });
  });
  listen(view.download, 'click', () => {
    happen({ type: 'packing' });
    ask({ type: 'download' });
  });
  listen(view.anew, 'click', () => void discard());
  listen(view.again, 'click', () => {
    worker.terminate();
    happen({ type: 'opening' });
    worker = openWorker();
  });
  listen(view.write, 'submit', (event) => {
    event.preventDefault();
    if (view.send.disabled) return;
    happen({ type: 'asked' });
    const seed = Math.floor(Math.random() * seeds);
    ask({ type: 'write', prompt: view.prompt.value, temperature: view.temperature.valueAsNumber, seed });
  });
  listen(view.prompt, 'keydown', (event) => {
    const { key, shiftKey, isComposing } = event as KeyboardEvent;
    if (key !== 'Enter' || shiftKey || isComposing) return;
    event.preventDefault();
    if (!view.send.disabled) view.write.requestSubmit();
  });
  listen(view.hush, 'click', () => ask({ type: 'stop-writing' }));
  listen(document, 'keydown', (event) => {
    if ((event as KeyboardEvent).key === 'Escape' && state.writing) ask({ type: 'stop-writing' });
  });
  listen(view.load, 'change', () => {
    const files = [...(view.load.files ?? [])];
    view.load.value = '';
    if (files.length > 0) loadFiles(files);
  });
  listen(form.form, 'dragover', (event) => event.preventDefault());
  listen(form.form, 'drop', (event) => {
    const files = [...((event as DragEvent).dataTransfer?.files ?? [])];
    if (files.length === 0 || state.phase !== 'setup') return;
    event.preventDefault();
    if (files.some(({ name }) => /\.(zip|safetensors)$/i.test(name))) loadFiles(files);
    else form.takeFiles(files);
  });
  listen(window, 'beforeunload', (event) => {
    if (state.unsaved) event.preventDefault();
  });

  async function discard(): Promise<void> {
    if (!(await mayLose())) return;
    happen({ type: 'discarded' });
    ask({ type: 'discard' });
  }

  function loadFiles(files: readonly File[]): void {
    happen({ type: 'opening-files' });
    ask({ type: 'load', files });
  }

  draw();
  return {
    mayLeave: mayLose,
    close() {
      worker.terminate();
      cancelAnimationFrame(drawing);
      view.show(initialTrainState, undefined);
      open.abort();
    },
  };
}
