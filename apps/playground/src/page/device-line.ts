import type { DeviceFacts } from '../protocol.ts';
import { element, write } from './elements.ts';

/** Says at the head of the page where models run, and why it is not the GPU. */
export function showDevice(device: DeviceFacts | undefined): void {
  const notice = element('notice', HTMLElement);
  write(element('device', HTMLElement), device ? nameOf(device) : '');
  write(notice, device?.notice ?? '');
  notice.hidden = device?.notice === undefined;
}

function nameOf({ kind, name }: DeviceFacts): string {
  return kind === 'webgpu' ? `WebGPU · ${name}` : name;
}
