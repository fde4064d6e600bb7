// The page: one view at a time, by the address. The one that is left frees all that it took.
import { showDevice } from './page/device-line.ts';
import { element } from './page/elements.ts';
import type { OpenedView } from './page/opened-view.ts';
import { openWriteView } from './page/write-view.ts';

type Name = 'write' | 'train';

const open: Readonly<Record<Name, () => OpenedView | Promise<OpenedView>>> = {
  write: openWriteView,
  train: async () => (await import('./train/page/train-page.ts')).openTrainView(),
};
const names = Object.keys(open) as Name[];

let shown: Name | undefined;
let view: OpenedView | undefined;

async function show(name: Name): Promise<void> {
  if (name === shown) return;
  if (view && !(await view.mayLeave())) {
    history.replaceState(undefined, '', `#${shown}`);
    return;
  }
  view?.close();
  view = undefined;
  shown = name;
  showDevice(undefined);
  document.body.dataset.view = name;
  for (const each of names) element(`${each}-view`, HTMLElement).hidden = each !== name;
  for (const link of document.querySelectorAll('nav a'))
    if (link.getAttribute('href') === `#${name}`) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  try {
    view = await open[name]();
  } catch (error) {
    const notice = element('notice', HTMLElement);
    notice.textContent = `This view could not be opened: ${String(error)}. Load the page again.`;
    notice.hidden = false;
  }
}

function named(): Name {
  return names.find((name) => location.hash === `#${name}`) ?? 'write';
}

// One after the other: a view that is still opening is left when it is there.
let turn = show(named());
addEventListener('hashchange', () => {
  turn = turn.then(() => show(named()));
});
