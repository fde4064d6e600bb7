/** TFLOP/s of f32 multiply-adds outside of tensor cores, as the maker states them, by what the driver calls the GPU. */
const peaks: readonly (readonly [name: RegExp, teraflops: number])[] = [[/H[12]00(?! PCIe| NVL)/, 67]];

/** The f32 peak that a maker states for a GPU; undefined for one that is not known here. */
export function peakOf(gpu: string | undefined): number | undefined {
  return gpu === undefined ? undefined : peaks.find(([name]) => name.test(gpu))?.[1];
}
