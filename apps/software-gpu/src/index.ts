import { constants } from 'node:os';
import { join } from 'node:path';
import type * as Dawn from 'webgpu';
import { pollGently } from './poll-gently.ts';
import { unpackSwiftShader } from './unpack-swiftshader.ts';

export { takesAll } from './takes-all.ts';

const entries = new Map<string, Promise<GPU>>();

/**
 * WebGPU over a software driver, in this process. Slow and right: it proves correctness, and its times say nothing.
 * Entries are kept, since one that is collected while a device of it lives takes the process with it.
 * @param toggles - of Dawn, to switch on
 */
export function softwareGpu(toggles: readonly string[] = []): Promise<GPU> {
  if (entries.size === 0) pollGently();
  const key = toggles.join();
  let entry = entries.get(key);
  if (!entry) entries.set(key, (entry = open(toggles)));
  return entry;
}

// The driver takes a second to compile a shader that Dawn makes clear its workgroup memory, else 50 ms. Without, a shader that
// reads what it has not written is noticed, too.
const always = ['disable_workgroup_init'];

const keepLoaded = 0x1000; // RTLD_NODELETE, which Node does not name

async function open(toggles: readonly string[]): Promise<GPU> {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Error(
      `The WebGPU adapter in software is built for linux on x64, and this is ${process.platform} on ${process.arch}. Run the tests on linux x64, or in a container of it.`,
    );
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
  const { create, globals } = await dawn();
  Object.assign(globalThis, globals);
  return create([`enable-dawn-features=${[...always, ...toggles].join()}`]);
}

/** Its package carries builds for some platforms, and installers may leave it out. */
async function dawn(): Promise<typeof Dawn> {
  try {
    return await import('webgpu');
  } catch (cause) {
    throw new Error(
      `The WebGPU adapter in software needs npm's package webgpu, which does not load here: ${String(cause)}. Run npm run setup, on a system with glibc.`,
      { cause },
    );
  }
}
