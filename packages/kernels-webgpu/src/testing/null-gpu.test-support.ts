import { create, globals } from 'webgpu';

// Collecting an entry while a device of it lives takes the process with it.
let entry: GPU | undefined;

/**
 * Dawn's null backend: it validates shaders, pipelines and calls as any other, has every feature, holds half a gigabyte, and
 * computes nothing. It needs no driver.
 */
export function nullGpu(): GPU {
  if (!entry) {
    Object.assign(globalThis, globals);
    entry = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis']);
  }
  return entry;
}
