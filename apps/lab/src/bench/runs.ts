import type { Profile, WebGpuDevice, WebGpuProgram } from '@tessera/kernels-webgpu';
import type { HostArray, Tensor } from '@tessera/tensor-core';
import { disposeTree, sizeOf } from '@tessera/tensor-core';
import type { Carried } from './kernel-case.ts';

/** Runs of one program one after another, whose state, if it has any, goes from each to the next. */
export class Runs {
  readonly #program: WebGpuProgram;
  readonly #carried: readonly Carried[];
  readonly #inputs: Tensor[];

  /**
   * @param program - it owns this from now on; compiled with the carried inputs donated
   * @param inputs - resident, and those that are not carried the caller's to free
   */
  constructor(program: WebGpuProgram, inputs: readonly Tensor[], carried: readonly Carried[]) {
    this.#program = program;
    this.#inputs = [...inputs];
    this.#carried = carried;
  }

  /** Dispatches of one run. */
  get dispatches(): number {
    return this.#program.dispatches;
  }

  /** Runs so many times, which is recorded and not awaited. */
  times(count: number): void {
    for (let i = 0; i < count; i++) disposeTree(this.#take(this.#program.run(this.#inputs)));
  }

  /** Runs once with the GPU time of every dispatch. */
  async profile(): Promise<Profile['rows']> {
    const { outputs, rows } = await this.#program.profile(this.#inputs);
    disposeTree(this.#take(outputs));
    return rows;
  }

  /** Runs once more, and fills what that gave with NaN, whose memory the next run takes: what a kernel leaves out then shows. */
  poison(device: WebGpuDevice): void {
    const results = this.#take(this.#program.run(this.#inputs));
    for (const result of results)
      if (result.dtype === 'f32') device.write(result, new Float32Array(sizeOf(result.shape)).fill(NaN));
    disposeTree(results);
  }

  /** Begins anew with these in place of what is carried. */
  restart(state: readonly Tensor[]): void {
    this.#carried.forEach(({ input }, index) => {
      this.#inputs[input]!.dispose();
      this.#inputs[input] = state[index]!;
    });
  }

  /** The last result after so many runs. */
  async lastOf(device: WebGpuDevice, count: number): Promise<HostArray> {
    this.times(count - 1);
    const results = this.#take(this.#program.run(this.#inputs));
    try {
      return await device.read(results.at(-1)!);
    } finally {
      disposeTree(results);
    }
  }

  /** Frees the program and what is carried. */
  dispose(): void {
    for (const { input } of this.#carried) this.#inputs[input]!.dispose();
    this.#program.dispose();
  }

  /** Keeps what is carried for the next run, and gives the rest. */
  #take(outputs: readonly Tensor[]): Tensor[] {
    for (const { input, output } of this.#carried) this.#inputs[input] = outputs[output]!;
    const kept = new Set(this.#carried.map(({ output }) => output));
    return outputs.filter((_, index) => !kept.has(index));
  }
}
