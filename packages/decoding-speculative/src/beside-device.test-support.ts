import type { Program } from '@tessera/tensor-core';
import { CpuDevice } from '@tessera/tensor-core';

/** A CPU that says that it works beside the host, as a GPU does. Counts runs of programs and numbers read. */
export class BesideDevice extends CpuDevice {
  override readonly onHost: boolean = false;
  runs = 0;
  readNumbers = 0;
  reads = 0;

  override async compile(...call: Parameters<CpuDevice['compile']>): Promise<Program> {
    const program = await super.compile(...call);
    const run: Program['run'] = (inputs) => {
      this.runs++;
      return program.run(inputs);
    };
    return { ...program, run };
  }

  override async read(...call: Parameters<CpuDevice['read']>): ReturnType<CpuDevice['read']> {
    const made = await super.read(...call);
    this.reads++;
    this.readNumbers += made.length;
    return made;
  }
}
