// The side of the page that trains: everything that takes long happens here, so that the page never stutters.
import '../../model/dispose-symbols.ts';
import { isTesseraError } from '@tessera/tensor-core';
import { sentenceOf } from '../../model/sentence-of.ts';
import type { TrainReport, TrainRequest } from '../protocol.ts';
import { countParameters } from './count-parameters.ts';
import { openDevice } from './open-device.ts';
import { Workshop } from './workshop.ts';

let workshop: Workshop | undefined;

addEventListener('message', ({ data }: MessageEvent<TrainRequest>) => void answer(data));

async function answer(request: TrainRequest): Promise<void> {
  try {
    if (request.type === 'open') await open(request.wish);
    else if (workshop) await work(workshop, request);
  } catch (error) {
    const lost = isTesseraError(error) && error.code === 'DEVICE_LOST';
    if (request.type === 'open' || lost) tell({ type: 'gone', sentence: sentenceOf(error) });
    else tell({ type: 'failed', sentence: sentenceOf(error) });
  }
}

async function open(wish: string): Promise<void> {
  const { device, notice } = await openDevice(wish);
  workshop = new Workshop(device, tell);
  void device.lost?.then(({ message }) => tell({ type: 'gone', sentence: message }));
  tell({ type: 'ready', device: { kind: device.kind, name: device.name, notice } });
}

async function work(shop: Workshop, request: Exclude<TrainRequest, { type: 'open' }>): Promise<void> {
  switch (request.type) {
    case 'measure':
      return tell({ type: 'measured', parameters: countParameters(request.recipe) });
    case 'train':
      return shop.train(request.recipe, request.texts);
    case 'pause':
    case 'stop':
      return shop.halt(request.type);
    case 'continue':
      return shop.continue();
    case 'write':
      return shop.write(request);
    case 'stop-writing':
      return shop.stopWriting();
    case 'download': {
      const bytes = await shop.pack();
      return tell({ type: 'packed', bytes }, [bytes.buffer]);
    }
    case 'load':
      return shop.load(request.files);
    case 'discard':
      return shop.discard();
  }
}

function tell(report: TrainReport, transfer: Transferable[] = []): void {
  postMessage(report, { transfer });
}
