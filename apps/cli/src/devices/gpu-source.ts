import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import type { AdapterSurvey } from './adapter-survey.ts';
import { surveyAdapter } from './adapter-survey.ts';
import { hasVulkanLoader } from './vulkan-loader.ts';

/** Where a command gets WebGPU from, with toggles of Dawn to switch on. A test hands over one of its own. */
export interface GpuSource {
  /** What the platform offers, without creating anything in this process. */
  survey(): Promise<AdapterSurvey>;
  /** The entry over the platform's drivers. */
  platform(toggles: readonly string[]): Promise<GPU>;
  /** The entry over the driver in software that tests of this repository use; undefined outside of it. */
  software(toggles: readonly string[]): Promise<GPU> | undefined;
}

/** WebGPU by Dawn, from the optional package `webgpu`. Nothing is loaded before it is asked for. */
export const dawn: GpuSource = {
  survey: () => (surveyed ??= survey()),
  platform,
  software,
};

let surveyed: Promise<AdapterSurvey> | undefined;

async function survey(): Promise<AdapterSurvey> {
  const entry = addressOf('webgpu');
  if (entry === undefined) return { kind: 'none', detail: 'the optional package webgpu is not installed' };
  if (!hasVulkanLoader()) return { kind: 'none', detail: 'there is no Vulkan on this system' };
  return surveyAdapter(entry);
}

// An entry that is collected while a device of it lives takes the process with it. One that is kept does not keep the
// process alive.
const entries = new Map<string, Promise<GPU>>();

function platform(toggles: readonly string[]): Promise<GPU> {
  const key = toggles.join();
  let entry = entries.get(key);
  if (!entry) entries.set(key, (entry = open(toggles)));
  return entry;
}

async function open(toggles: readonly string[]): Promise<GPU> {
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  return create(toggles.length > 0 ? [`enable-dawn-features=${toggles.join()}`] : []);
}

/** The package is never published: what runs from sources is in the repository, and has it. */
function software(toggles: readonly string[]): Promise<GPU> | undefined {
  if (!import.meta.url.endsWith('.ts')) return undefined;
  // By a name that the compiler does not follow, since what is published is built without it.
  const name = '@tessera/software-gpu';
  type SoftwareGpu = { softwareGpu(toggles: readonly string[]): Promise<GPU> };
  return import(name).then(({ softwareGpu }: SoftwareGpu) => softwareGpu(toggles));
}

/** Undefined when a package is not installed. */
function addressOf(name: string): string | undefined {
  try {
    return pathToFileURL(createRequire(import.meta.url).resolve(name)).href;
  } catch {
    return undefined;
  }
}
