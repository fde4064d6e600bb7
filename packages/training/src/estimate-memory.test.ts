import { CpuDevice, OutOfMemoryError, bytesPerElement, sizeOf } from '@tessera/tensor-core';
import type {
  CompileOptions,
  Graph,
  HostArray,
  Program,
  ProgramMemory,
  Tensor,
  TensorType,
} from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { batchOf, batchesOf } from './batch-source.ts';
import { createTrainer } from './create-trainer.ts';
import type { TrainerOptions } from './trainer-options.ts';
import { BesideDevice, assembler, rowsOf, spec } from './test-models.test-data.ts';

const rows = rowsOf(64, 17);
const options = (given: Partial<TrainerOptions> = {}, batch = 16): TrainerOptions => ({
  batches: batchesOf(rows, batch),
  optimizer: { kind: 'adamw', learningRate: 0.01 },
  ...given,
});

/** A GPU with little memory: what is too much is told by the next read or compilation. */
class SmallDevice extends BesideDevice {
  capacity = Infinity;
  /** Bytes of programs. */
  programs = 0;
  refusesUploads = false;
  #refused = false;

  planMemory({ types, inputs, outputs }: Graph): ProgramMemory {
    const bytes = ({ shape, dtype }: TensorType): number => sizeOf(shape) * bytesPerElement(dtype);
    const made = types.slice(inputs).reduce((total, type) => total + bytes(type), 0);
    return { temporaries: [made], outputs: outputs.map((value) => bytes(types[value]!)), constants: [] };
  }

  override async compile(graph: Graph, given?: CompileOptions): Promise<Program> {
    const memory = this.planMemory(graph);
    const [bytes] = memory.temporaries as [number];
    this.#take(bytes);
    this.#tell();
    const program = await super.compile(graph, given);
    this.programs += bytes;
    return { ...program, memory, dispose: () => void (this.programs -= bytes) };
  }

  override allocate(type: TensorType): Tensor {
    this.#take(sizeOf(type.shape) * 4);
    return super.allocate(type);
  }

  override upload(...given: Parameters<CpuDevice['upload']>): Tensor {
    if (this.refusesUploads) this.#refused = true;
    return super.upload(...given);
  }

  override async read(tensor: Tensor): Promise<HostArray> {
    this.#tell();
    return super.read(tensor);
  }

  #take(bytes: number): void {
    if (this.allocatedBytes + this.programs + bytes > this.capacity) this.#refused = true;
  }

  #tell(): void {
    if (!this.#refused) return;
    this.#refused = false;
    throw new OutOfMemoryError('memory of a program: the GPU has no memory left for 1 MiB. Use a smaller dtype.');
  }
}

interface Facts {
  readonly needed: { readonly total: number; readonly weights: number; readonly optimizer: number };
  readonly fits: readonly {
    readonly rows: number;
    readonly accumulate: number;
    readonly context: number;
    readonly recompute: 'none' | 'layers';
    readonly total: number;
  }[];
}

async function refusalOf(device: CpuDevice, given: Partial<TrainerOptions>): Promise<OutOfMemoryError> {
  await using model = await assembler.assemble(spec, { device, seed: 1 });
  const before = device.allocatedBytes;
  const prompt = [1, 2, 3];
  const { tokenIds } = await model.generate(prompt, { maxNewTokens: 4, temperature: 0 });
  await using trainer = await createTrainer(model, options(given));
  const placed = device.allocatedBytes;
  let error: unknown;
  try {
    for await (const { step } of trainer.train({ until: 1 })) expect(step).toBe(0);
  } catch (refused) {
    error = refused;
  }
  expect(error).toBeInstanceOf(OutOfMemoryError);
  // Nothing leaks, the trainer has its state, and the model goes on.
  expect(device.allocatedBytes).toBe(placed);
  expect(trainer.state.params).toBeDefined();
  await trainer.dispose();
  expect(device.allocatedBytes).toBe(before);
  expect((await model.generate(prompt, { maxNewTokens: 4, temperature: 0 })).tokenIds).toEqual(tokenIds);
  return error as OutOfMemoryError;
}

test('a step beyond the limit is refused with what it takes and what would fit, and that does fit', async () => {
  const device = new CpuDevice();
  const error = await refusalOf(device, { memoryLimit: 200_000 });
  const { needed, fits } = error.facts as unknown as Facts;
  expect(needed.weights).toBeGreaterThan(0);
  expect(needed.optimizer).toBe(2 * needed.weights);
  expect(error.message).toMatch(
    /^train: a step of 16 × 16 tokens takes \d{3} KiB \(weights [\d.]+ KiB, optimiser [\d.]+ KiB, their next values [\d.]+ KiB, gradients [\d.]+ KiB, activations \d{3} KiB\), and the limit is 195 KiB\. What fits: /,
  );
  expect(fits.length).toBeGreaterThan(0);
  const smaller = fits.find((each) => each.rows < 16)!;
  expect(smaller.rows * smaller.accumulate * smaller.context).toBe(16 * 16);
  expect(error.message).toContain(`accumulate: ${smaller.accumulate}`);
  expect(error.message).toContain('as many tokens a step');
  for (const { rows: count, accumulate, context, recompute, total } of fits) {
    expect(total).toBeLessThanOrEqual(200_000);
    await using model = await assembler.assemble(spec, { device, seed: 1 });
    await using trainer = await createTrainer(model, {
      ...options({ accumulate, recompute, memoryLimit: 200_000 }),
      batches: batchesOf(
        rows.map((row) => row.slice(0, context + 1)),
        count,
      ),
    });
    for await (const { loss } of trainer.train({ until: 1 })) expect(loss).toBeGreaterThan(0);
    expect(trainer.step).toBe(1);
  }
});

test('the more is computed at once, the more a step takes; recomputing takes less', async () => {
  const totals: number[] = [];
  for (const given of [{}, { recompute: 'layers' as const }, { batches: batchesOf(rows, 8) }]) {
    const { facts } = await refusalOf(new CpuDevice(), { ...given, memoryLimit: 60_000 });
    totals.push((facts as unknown as Facts).needed.total);
  }
  expect(totals[1]).toBeLessThan(totals[0]!);
  expect(totals[2]).toBeLessThan(totals[0]!);
});

test('weights and optimiser state beyond the limit are refused before anything is allocated', async () => {
  const device = new CpuDevice();
  await using model = await assembler.assemble(spec, { device, seed: 1 });
  const before = device.allocatedBytes;
  await expect(createTrainer(model, options({ memoryLimit: 1000 }))).rejects.toMatchObject({
    code: 'OUT_OF_MEMORY',
    message: expect.stringMatching(
      /^train: weights in f32 take [\d.]+ KiB .* and the limit is 0\.977 KiB\. Train an adapter/,
    ),
    facts: { limit: 1000, weights: expect.any(Number), optimizer: expect.any(Number) },
  });
  expect(device.allocatedBytes).toBe(before);
});

test('what a device refuses to allocate is told with what it has room for', async () => {
  const device = new SmallDevice();
  device.capacity = 700_000;
  const error = await refusalOf(device, {});
  expect(error.message).toMatch(
    /and the device does not give it \(memory of a program: the GPU has no memory left for 1 MiB\)\. What fits: /,
  );
  const { fits, needed } = error.facts as unknown as Facts;
  expect(needed.total).toBeGreaterThan(700_000);
  expect(fits.length).toBeGreaterThan(0);
  expect(error.cause).toBeInstanceOf(OutOfMemoryError);
  const [{ rows: count, accumulate, recompute, context }] = fits as [Facts['fits'][number]];
  await using model = await assembler.assemble(spec, { device, seed: 1 });
  await using trainer = await createTrainer(model, {
    ...options({ accumulate, recompute }),
    batches: batchesOf(
      rows.map((row) => row.slice(0, context + 1)),
      count,
    ),
  });
  for await (const { step } of trainer.train({ until: 2 })) expect(step).toBeGreaterThan(0);
  expect((await trainer.evaluate([batchOf(rows.slice(0, 1))])).loss).toBeGreaterThan(0);
});

test('weights and optimiser state that a device refuses are told with its words, and nothing is left on it', async () => {
  const device = new SmallDevice();
  await using model = await assembler.assemble(spec, { device, seed: 1 });
  const before = device.allocatedBytes;
  device.refusesUploads = true;
  await expect(createTrainer(model, options())).rejects.toMatchObject({
    code: 'OUT_OF_MEMORY',
    message: expect.stringMatching(
      /and the device does not give it \(memory of a program: .* for 1 MiB\)\. Train an adapter/,
    ),
    facts: { weights: expect.any(Number), optimizer: expect.any(Number) },
  });
  expect(device.allocatedBytes).toBe(before);
});

test('where nothing fits, that is said', async () => {
  const device = new SmallDevice();
  await using model = await assembler.assemble(spec, { device, seed: 1 });
  await using trainer = await createTrainer(model, options());
  device.capacity = device.allocatedBytes + 1000;
  const run = async (): Promise<void> => {
    for await (const { step } of trainer.train({ until: 1 })) expect(step).toBe(0);
  };
  await expect(run()).rejects.toMatchObject({
    message: expect.stringContaining('No smaller batch fits either: train an adapter, or a smaller model.'),
    facts: { fits: [] },
  });
  expect(device.programs).toBe(0);
});
