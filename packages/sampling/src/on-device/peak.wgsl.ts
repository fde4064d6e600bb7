import type { GpuCapabilities, KernelCall } from '@tessera/tensor-core';
import { gpuLimit } from '@tessera/tensor-core';
import { status } from './choice.ts';

/** Invocations that share a row. */
export function threadsFor(V: number, capabilities: GpuCapabilities): number {
  if (V <= 512) return 64;
  const many =
    gpuLimit(capabilities, 'maxComputeInvocationsPerWorkgroup') >= 1024 &&
    gpuLimit(capabilities, 'maxComputeWorkgroupSizeX') >= 1024 &&
    gpuLimit(capabilities, 'maxComputeWorkgroupStorageSize') >= 32_768;
  return many && V >= 8192 ? 1024 : 256;
}

/** Rows and width of the values of a choice. */
export function rowsOf({ inputs }: KernelCall<object>): { readonly B: number; readonly V: number } {
  const [B, V] = inputs[0]!.shape as [number, number];
  return { B, V };
}

/** Rows that one dispatch reaches; a workgroup each. */
export const mostRows = 65_535;

/**
 * WGSL that looks at every value of a row once. Numbers are told by their bits, since shaders may assume that there is no
 * NaN and no infinity. `values`, `logits` and `last` are bound as words by the shader around it.
 */
export function peakCode(V: number, threads: number): string {
  return `const none = 0xffffffffu;
struct Peak { id: u32, found: u32, value: f32 }
var<workgroup> tops: array<f32, ${threads}>;
var<workgroup> ats: array<u32, ${threads}>;
var<workgroup> broken: array<atomic<u32>, 2>;
var<workgroup> some: atomic<u32>;
var<workgroup> peak: Peak;
fn is_broken(bits: u32) -> bool { return (bits & 0x7fffffffu) > 0x7f800000u || bits == 0x7f800000u; }
fn is_lowest(bits: u32) -> bool { return bits == 0xff800000u; }
fn peak_of(start: u32, lane: u32) -> Peak {
  if (lane == 0u) {
    atomicStore(&broken[0], none);
    atomicStore(&broken[1], none);
    atomicStore(&some, 0u);
  }
  workgroupBarrier();
  var top = 0.0;
  var at = none;
  var any = false;
  for (var i = lane; i < ${V}u; i += ${threads}u) {
    let bits = values[start + i];
    let raw = logits[start + i];
    if (is_broken(raw)) { atomicMin(&broken[0], i); } else { any = any || !is_lowest(raw); }
    if (is_broken(bits)) { atomicMin(&broken[1], i); continue; }
    if (is_lowest(bits)) { continue; }
    let value = bitcast<f32>(bits);
    if (at == none || value > top) { top = value; at = i; }
  }
  if (any) { atomicStore(&some, 1u); }
  tops[lane] = top;
  ats[lane] = at;
  workgroupBarrier();
  for (var half = ${threads / 2}u; half > 0u; half = half / 2u) {
    if (lane < half) {
      let other = ats[lane + half];
      let mine = ats[lane];
      let larger = tops[lane + half] > tops[lane] || (tops[lane + half] == tops[lane] && other < mine);
      if (other != none && (mine == none || larger)) { tops[lane] = tops[lane + half]; ats[lane] = other; }
    }
    workgroupBarrier();
  }
  if (lane == 0u) {
    var found = ${status.fine}u;
    var id = ats[0];
    if (id == none) { found = ${status.emptyOptions}u; id = 0u; }
    let wrong = atomicLoad(&broken[1]);
    if (wrong != none) { found = ${status.brokenOptions}u; id = wrong; }
    if (atomicLoad(&some) == 0u) { found = ${status.emptyModel}u; id = 0u; }
    let first = atomicLoad(&broken[0]);
    if (first != none) { found = ${status.brokenModel}u; id = first; }
    peak = Peak(id, found, tops[0]);
  }
  return workgroupUniformLoad(&peak);
}`;
}
