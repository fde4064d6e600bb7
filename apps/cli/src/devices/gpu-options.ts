import { UnsupportedOptionError } from '@tessera/tensor-core';
import type { Command } from 'commander';
import { Option } from 'commander';

/** As what WebGPU is seen: as a page sees it, or with what only native programs may use. */
const featureSets = ['page', 'native'] as const;

/** Options about WebGPU. */
export interface GpuOptions {
  /** @defaultValue 'page' */
  readonly gpuFeatures?: (typeof featureSets)[number];
  /** Features that shaders must do without. */
  readonly without?: readonly string[];
}

/** What browsers withhold and native programs may switch on: half floats on NVIDIA, and what is still experimental. */
const nativeToggles: readonly string[] = ['vulkan_enable_f16_on_nvidia', 'allow_unsafe_apis'];

/** Toggles of Dawn that show the features that are asked for. */
export function togglesOf({ gpuFeatures = 'page' }: GpuOptions): readonly string[] {
  return gpuFeatures === 'native' ? nativeToggles : [];
}

/** Adds `--gpu-features` and `--without`. */
export function addGpuOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--gpu-features <set>',
        'WebGPU as a web page sees it, or with what browsers withhold, such as shader-f16 on NVIDIA (default: "page")',
      ).choices(featureSets),
    )
    .option(
      '--without <features>',
      'WebGPU features to do without, even where the GPU has them: shader-f16, subgroups',
      namesArgument,
    );
}

/** Reads names with commas between; given several times, they are joined. */
function namesArgument(text: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), ...text.split(',').map((name) => name.trim())];
}

/** @throws {@link UnsupportedOptionError} when something is said about WebGPU and the device is the CPU */
export function refuseGpuOptions({ gpuFeatures, without }: GpuOptions): void {
  const option = gpuFeatures === undefined ? 'without' : 'gpu-features';
  if (gpuFeatures === undefined && without === undefined) return;
  throw new UnsupportedOptionError(
    `--${option} is about WebGPU, and the device is cpu. Leave it out, or use --device webgpu.`,
    { facts: { option } },
  );
}
