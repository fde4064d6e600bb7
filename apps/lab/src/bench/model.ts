import { LanguageModelGraph, Registry, resolveSpec } from '@tessera/assembler';
import { softmax } from '@tessera/attention-softmax';
import { feedForward } from '@tessera/feedforward';
import type { DispatchTime, WebGpuDevice, WebGpuProgram } from '@tessera/kernels-webgpu';
import { norms } from '@tessera/norms';
import type { ModelSpec } from '@tessera/plugin';
import type { Program, Tensor, TensorType } from '@tessera/tensor-core';
import { argmax, disposeTree, fillTree, fromHost, reshape, trace, treeLeaves } from '@tessera/tensor-core';
import { dispatchesOf, filler } from './kernels.ts';
import { quartiles } from './measure.ts';

/** End-to-end figures of a model shape with random weights. */
export interface ModelFigures {
  readonly name: string;
  readonly weightBytes: number;
  /** Tokens a second at batch 1, the next token chosen and fed on the device, every id awaited before the next step. */
  readonly decodeTokensPerSecond: number;
  /** The same, every id read back, while one further step is under way. */
  readonly decodeAheadTokensPerSecond: number;
  /** The same, ids read back sixteen at a time. */
  readonly decodePipelinedTokensPerSecond: number;
  /** Host time of recording and submitting one step, microseconds. */
  readonly hostMicroseconds: number;
  readonly dispatchesPerToken: number;
  readonly prefillTokensPerSecond: number;
  readonly prefillDispatches: number;
  /** GPU time of one decode step and of the prefill by kind of dispatch. */
  readonly decodeParts: readonly Part[];
  readonly prefillParts: readonly Part[];
}

/** Dispatches of one kind. */
export interface Part {
  readonly label: string;
  readonly count: number;
  readonly microseconds: number;
}

/** Width 2048, 22 layers, 32/4 heads, feed-forward 5632, vocabulary 32 000: the shape of TinyLlama. */
export function tinyLlamaSpec(layers = 22): ModelSpec {
  const norm = { type: '@tessera/norms:rms', config: { eps: 1e-5 } };
  const layer = {
    mixer: {
      type: '@tessera/attention-softmax:softmax-attention',
      config: { heads: 32, kvHeads: 4, headDim: 64, rotary: {} },
    },
    mixerNorm: norm,
    feedForward: { type: '@tessera/feedforward:gated', config: { hidden: 5632 } },
    feedForwardNorm: norm,
  };
  return {
    vocabSize: 32_000,
    dModel: 2048,
    maxPositions: 2048,
    layers: Array.from({ length: layers }, () => layer),
    finalNorm: norm,
    head: {},
  };
}

/** Decode at a context of 512 and prefill of 2048 tokens. */
export async function benchModel(
  device: WebGpuDevice,
  spec: ModelSpec,
  dtype: 'f32' | 'f16' | 'bf16',
  name: string,
): Promise<ModelFigures> {
  const graph = new LanguageModelGraph(resolveSpec(spec, new Registry([softmax, feedForward, norms])));
  const params: Record<string, Tensor> = {};
  let weightBytes = 0;
  Object.entries(graph.params()).forEach(([path, { shape }], index) => {
    const type: TensorType = { shape, dtype: shape.length > 1 ? dtype : 'f32' };
    const data =
      shape.length > 1 ? filler(type, index, 0.7 * shape.at(-1)! ** -0.5) : new Float32Array(shape[0]!).fill(1);
    params[path] = device.upload(data, type);
    // Of the embedding one row is read.
    if (path !== 'embedding.weight') weightBytes += data.byteLength;
  });
  const size = { batch: 1, capacity: 2048 + 64, chunk: 2048 };
  const start = async (): Promise<readonly Tensor[]> =>
    (await device.compile(trace(() => treeLeaves(graph.init(params, size)), []))).run([]);
  const form = graph.init(params, size);
  const leaves = treeLeaves(form);
  const step = (n: number): Promise<WebGpuProgram> =>
    device.compile(
      trace(
        (tokens, starts, lengths, ...state) => {
          const made = graph.step(
            params,
            { tokens: tokens!, starts: starts!, lengths: lengths! },
            fillTree(form, state),
            'last',
          );
          return [reshape(argmax(made.logits, { axis: -1 }), [1, 1]), ...treeLeaves(made.state)];
        },
        [
          { shape: [1, n], dtype: 'i32' },
          { shape: [1], dtype: 'i32' },
          { shape: [1], dtype: 'i32' },
          ...leaves.map(({ shape, dtype: type }) => ({ shape, dtype: type })),
        ],
      ),
      { donate: leaves.map((_, index) => index + 3) },
    );
  const one = (value: number): Tensor => device.upload(Int32Array.of(value), { shape: [1], dtype: 'i32' });
  const zero = one(0);
  const prompt = async (
    program: Program,
    n: number,
    state: readonly Tensor[],
  ): Promise<{ token: Tensor; state: readonly Tensor[]; id: number }> => {
    const length = one(n);
    const [token, ...rest] = program.run([
      fromHost(
        Int32Array.from({ length: n }, (_, i) => (i * 7919) % 32_000),
        [1, n],
      ),
      zero,
      length,
      ...state,
    ]);
    length.dispose();
    return { token: token!, state: rest, id: (await device.read(token!))[0]! };
  };

  const prefill = await step(2048);
  const prefillTimes: number[] = [];
  for (let i = 0; i < 6; i++) {
    const before = await start();
    await device.read(before[0]!);
    const begun = performance.now();
    const made = await prompt(prefill, 2048, before);
    if (i > 0) prefillTimes.push(performance.now() - begun);
    disposeTree([made.token, made.state]);
  }

  const context = await step(512);
  let { token, state } = await prompt(context, 512, await start());
  const decode = await step(1);
  const single = one(1);
  const turn = (): void => {
    const [next, ...rest] = decode.run([token, zero, single, ...state]);
    token.dispose();
    token = next!;
    state = rest;
  };
  for (let i = 0; i < 8; i++) turn();
  await device.read(token);
  const each: number[] = [];
  for (let i = 0; i < 64; i++) {
    const begun = performance.now();
    turn();
    await device.read(token);
    each.push(performance.now() - begun);
  }
  const ahead: number[] = [];
  for (let i = 0; i < 8; i++) {
    const begun = performance.now();
    const waiting: Promise<unknown>[] = [];
    for (let k = 0; k < 16; k++) {
      turn();
      waiting.push(device.read(token));
      if (waiting.length > 1) await waiting.shift();
    }
    await Promise.all(waiting);
    ahead.push((performance.now() - begun) / 16);
  }
  const many: number[] = [];
  const host: number[] = [];
  for (let i = 0; i < 8; i++) {
    const begun = performance.now();
    for (let k = 0; k < 16; k++) turn();
    host.push((performance.now() - begun) / 16);
    await device.read(token);
    many.push((performance.now() - begun) / 16);
  }
  const decodeParts = await partsOf(decode, [token, zero, single, ...state]);
  const length = one(2048);
  const prompted = device.upload(new Int32Array(2048), { shape: [1, 2048], dtype: 'i32' });
  const prefillParts = await partsOf(prefill, [prompted, zero, length, ...(await start())]);
  disposeTree([length, prompted]);
  const figures = {
    name,
    weightBytes,
    decodeTokensPerSecond: 1000 / quartiles(each).median,
    decodeAheadTokensPerSecond: 1000 / quartiles(ahead).median,
    decodePipelinedTokensPerSecond: 1000 / quartiles(many).median,
    hostMicroseconds: 1000 * quartiles(host).median,
    dispatchesPerToken: dispatchesOf(decode),
    prefillTokensPerSecond: (2048 / quartiles(prefillTimes).median) * 1000,
    prefillDispatches: dispatchesOf(prefill),
    decodeParts,
    prefillParts,
  };
  disposeTree([token, params, zero, single]);
  for (const program of [prefill, context, decode]) program.dispose();
  return figures;
}

/** GPU time by kind of dispatch, the median of some runs for each; takes the state over. */
async function partsOf(program: WebGpuProgram, inputs: readonly Tensor[]): Promise<Part[]> {
  const runs: (readonly DispatchTime[])[] = [];
  let state = inputs.slice(3);
  for (let i = 0; i < 5; i++) {
    const { outputs, rows } = await program.profile([...inputs.slice(0, 3), ...state]);
    outputs[0]!.dispose();
    state = outputs.slice(1);
    runs.push(rows);
  }
  disposeTree(state);
  const parts = new Map<string, { count: number; microseconds: number }>();
  runs[0]!.forEach(({ label }, index) => {
    const part = parts.get(label) ?? { count: 0, microseconds: 0 };
    part.count++;
    part.microseconds += quartiles(runs.map((rows) => rows[index]!.microseconds)).median;
    parts.set(label, part);
  });
  return [...parts].map(([label, part]) => ({ label, ...part })).toSorted((a, b) => b.microseconds - a.microseconds);
}
