import { constants } from 'node:os';
import { join } from 'node:path';
import { create, globals } from 'webgpu';
import { unpackSwiftShader } from './unpack-swiftshader.ts';

let entry: Promise<GPU> | undefined;

/**
 * WebGPU over a software driver, in this process. Slow and right: it proves correctness, and its times say nothing.
 * The entry is kept, since a device must not outlive it; the process then only ends by itself in a test runner.
 */
export function softwareGpu(): Promise<GPU> {
  entry ??= open();
  return entry;
}

const keepLoaded = 0x1000; // RTLD_NODELETE, which Node does not name

async function open(): Promise<GPU> {
  const folder = await unpackSwiftShader();
  process.env['VK_ICD_FILENAMES'] = join(folder, 'vk_swiftshader_icd.json');
  try {
    // The loader asks for the library by name, and gets the one that is already loaded. It is no addon, so Node complains.
    process.dlopen(
      { exports: {} },
      join(folder, 'libvulkan.so.1'),
      constants.dlopen.RTLD_NOW | constants.dlopen.RTLD_GLOBAL | keepLoaded,
    );
  } catch (error) {
    if (!String(error).includes('self-register')) throw error;
  }
  Object.assign(globalThis, globals);
  return create([]);
}
