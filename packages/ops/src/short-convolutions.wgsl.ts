import type { KernelCall, WebGpuDispatchKernel } from '@tessera/tensor-core';
import { gpuLimit, sizeOf } from '@tessera/tensor-core';
import { activationCode } from './activation.wgsl.ts';
import type { ShortConvolutionsAttributes } from './short-convolutions.ts';

type Call = KernelCall<ShortConvolutionsAttributes>;

const lanes = 64;
const mostPerAxis = 65_535;
/** Channels of a head of which a workgroup keeps all. */
const longestHead = 2048;

interface Stream {
  readonly channels: number;
  /** First of its channels among those of all streams. */
  readonly first: number;
  /** Channels of a workgroup: a head where heads are normalised. */
  readonly unit: number;
  /** Workgroups for its channels, and how many the streams before it take. */
  readonly units: number;
  readonly before: number;
  readonly normalize: ShortConvolutionsAttributes['streams'][number]['normalize'];
}

function streamsOf({ inputs, attributes: { streams } }: Call): Stream[] {
  let [first, before] = [0, 0];
  return inputs.slice(3).map(({ shape }, i) => {
    const channels = shape[2]!;
    const { heads, normalize } = streams[i]!;
    const unit = normalize ? channels / heads : Math.min(channels, 2 * lanes);
    const units = Math.ceil(channels / unit);
    const stream = { channels, first, unit, units, before, normalize };
    first += channels;
    before += units;
    return stream;
  });
}

/** All streams and their new history in one dispatch: a workgroup computes a head, or some channels, of one entry. */
export const shortConvolutionsKernel: WebGpuDispatchKernel<ShortConvolutionsAttributes> = {
  backend: 'webgpu',
  name: 'a workgroup a head',
  when(capabilities, call) {
    const { inputs, outputs, attributes } = call;
    const [B, T] = inputs[3]!.shape as [number, number];
    return (
      inputs.every(({ dtype }, i) => dtype === 'f32' || i === 2) &&
      inputs.slice(3).every(({ shape }) => sizeOf(shape) > 0) &&
      inputs.length + outputs.length <= gpuLimit(capabilities, 'maxStorageBuffersPerShaderStage') &&
      activationCode[attributes.activation] !== undefined &&
      streamsOf(call).every(({ normalize, unit }) => !normalize || unit <= longestHead) &&
      T <= mostPerAxis &&
      B <= mostPerAxis
    );
  },
  grid(call) {
    const [B, T] = call.inputs[3]!.shape as [number, number];
    return [streamsOf(call).reduce((total, { units }) => total + units, 0), T, B];
  },
  source(call) {
    const streams = streamsOf(call);
    const [C, J] = call.inputs[0]!.shape as [number, number];
    const T = call.inputs[3]!.shape[1]!;
    const activation = activationCode[call.attributes.activation]!;
    const kept = J - 1;
    const last = 3 + streams.length;
    const longest = Math.max(...streams.map(({ unit }) => unit));
    return `@group(0) @binding(0) var<storage, read> weight: array<f32>;
@group(0) @binding(1) var<storage, read> history: array<f32>;
@group(0) @binding(2) var<storage, read> lengths: array<i32>;
${streams.map((_, i) => `@group(0) @binding(${3 + i}) var<storage, read> x${i}: array<f32>;`).join('\n')}
${streams.map((_, i) => `@group(0) @binding(${last + i}) var<storage, read_write> y${i}: array<f32>;`).join('\n')}
@group(0) @binding(${last + streams.length}) var<storage, read_write> next: array<f32>;
var<workgroup> values: array<f32, ${longest}>;
var<workgroup> part: array<f32, ${lanes}>;
fn total(lane: u32, own: f32) -> f32 {
  part[lane] = own;
  workgroupBarrier();
  for (var half = ${lanes / 2}u; half > 0u; half = half / 2u) {
    if (lane < half) { part[lane] += part[lane + half]; }
    workgroupBarrier();
  }
  return part[0];
}
${streams
  .map(({ channels, first, unit, normalize }, i) => {
    const each = (line: string): string =>
      `for (var l = lane; l < min(${unit}u, ${channels}u - c0); l += ${lanes}u) { let c = c0 + l; ${line} }`;
    const taps = Array.from(
      { length: J },
      (_, j) => `weight[(${first}u + c) * ${J}u + ${j}u] * entry${i}(b, t + ${j}u, c, length)`,
    );
    return `// An entry of [history | x].
fn entry${i}(b: u32, at: u32, c: u32, length: u32) -> f32 {
  if (at < ${kept}u) { return history[(b * ${kept}u + at) * ${C}u + ${first}u + c]; }
  let t = at - ${kept}u;
  return select(0.0, x${i}[(b * ${T}u + min(t, ${T - 1}u)) * ${channels}u + c], t < length);
}
fn stream${i}(c0: u32, t: u32, b: u32, lane: u32, length: u32) {
  var own = 0.0;
  ${each(`let sum = ${taps.join(' + ')}; let value = ${activation('sum')}; values[l] = value; own += value * value;`)}
  ${normalize ? `let scale = ${Math.fround(normalize.scale)}f * inverseSqrt(total(lane, own) + ${Math.fround(normalize.eps)}f);` : ''}
  ${each(`y${i}[(b * ${T}u + t) * ${channels}u + c] = ${normalize ? 'scale * ' : ''}values[l];`)}
  if (t == 0u) {
    ${each(`for (var r = 0u; r < ${kept}u; r++) { next[(b * ${kept}u + r) * ${C}u + ${first}u + c] = entry${i}(b, length + r, c, length); }`)}
  }
}`;
  })
  .join('\n')}
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let length = u32(clamp(lengths[group.z], 0i, ${T}i));
  ${streams
    .map(
      ({ before, units, unit }, i) =>
        `if (group.x >= ${before}u && group.x < ${before + units}u) { stream${i}((group.x - ${before}u) * ${unit}u, group.y, group.z, lane, length); }`,
    )
    .join('\n  ')}
}`;
  },
};
