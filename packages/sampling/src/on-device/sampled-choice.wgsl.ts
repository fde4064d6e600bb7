import type { WebGpuKernel } from '@tessera/tensor-core';
import { status } from './choice.ts';
import { reals, wholeShare, words } from './device-sampler.ts';
import { mostRows, peakCode, rowsOf, threadsFor } from './peak.wgsl.ts';
import { searchCode } from './search.wgsl.ts';

/**
 * A sampled choice: a workgroup a row. Nothing is sorted. Each option is a search for the key at which counts or weights
 * reach a goal: top-k and top-p over values, typical-p over distances, the draw over ids.
 */
export const sampledKernel: WebGpuKernel<Record<never, never>> = {
  backend: 'webgpu',
  name: 'a workgroup a row',
  when: (_, call) => rowsOf(call).B > 0 && rowsOf(call).B <= mostRows && rowsOf(call).V <= 2 ** 24,
  grid: (call) => [rowsOf(call).B, 1, 1],
  source(call, capabilities) {
    const { V } = rowsOf(call);
    const threads = threadsFor(V, capabilities);
    const [realColumns, wordColumns] = [Object.keys(reals).length, Object.keys(words).length];
    const real = (name: keyof typeof reals): string => `reals[${realColumns}u * row + ${reals[name]}u]`;
    const word = (name: keyof typeof words): string => `words[${wordColumns}u * row + ${words[name]}u]`;
    return `@group(0) @binding(0) var<storage, read> values: array<u32>;
@group(0) @binding(1) var<storage, read> logits: array<u32>;
@group(0) @binding(2) var<storage, read> last: array<u32>;
@group(0) @binding(3) var<storage, read> reals: array<f32>;
@group(0) @binding(4) var<storage, read> words: array<u32>;
@group(0) @binding(5) var<storage, read_write> next: array<u32>;
${peakCode(V, threads)}
${searchCode(V, threads)}
${threefry}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x;
  let start = row * ${V}u;
  let step = last[3u * row + 2u];
  let top = peak_of(start, lane);
  var id = top.id;
  if (top.found == ${status.fine}u) {
    var kept = Kept(0u, none, lowest, 0.0, -lowest);
    let scale = Scale(top.value, ${real('temperature')});
    var found = Edge(0u, vec2u(0u), vec2u(0u), vec2u(0u));
    // One search in a loop: five of them would be five times the shader to compile.
    for (var kind = by_count; kind <= by_id; kind++) {
      var goal = reach_share;
      var share = 0u;
      if (kind == by_count) {
        goal = vec2u(${word('topK')}, 0u);
        if (goal.x == 0u || goal.x >= ${V}u) { continue; }
      } else if (kind == by_value) {
        share = ${word('topP')};
        if (share == ${wholeShare}u) { continue; }
      } else if (kind == by_tie) {
        // Of equal ones topP keeps the lowest ids.
        goal = minus(found.goal, found.above);
        if (${word('topP')} == ${wholeShare}u || all(found.at == vec2u(weight_of(bits_of(found.key), scale), 0u))) {
          continue;
        }
      } else if (kind == by_distance) {
        kept.least = ${real('leastLog')};
        share = ${word('typicalP')};
        if (share == ${wholeShare}u) { continue; }
        kept.mean = mean_log(start, lane, scale, kept);
      } else {
        goal = pass_share;
        share = threefry(${word('key0')}, ${word('key1')}, step);
      }
      found = search(start, lane, kind, goal, share, scale, kept);
      if (kind == by_count || kind == by_value) { kept.value = found.key; }
      if (kind == by_tie) { kept.tie = id_of(found.key); }
      if (kind == by_distance) { kept.farthest = bitcast<f32>(~found.key); }
    }
    id = id_of(found.key);
  }
  if (lane == 0u) {
    next[3u * row] = id;
    next[3u * row + 1u] = top.found;
    next[3u * row + 2u] = step + 1u;
  }
}`;
  },
};

/** First word of threefry2x32-20 of the counter (`counter`, 0). */
const threefry = `fn threefry(k0: u32, k1: u32, counter: u32) -> u32 {
  var keys = array<u32, 3>(k0, k1, k0 ^ k1 ^ 0x1bd11bdau);
  var turns = array<u32, 8>(13u, 15u, 26u, 6u, 17u, 29u, 16u, 24u);
  var x0 = counter + k0;
  var x1 = k1;
  for (var round = 0u; round < 20u; round++) {
    let r = turns[round % 8u];
    x0 = x0 + x1;
    x1 = ((x1 << r) | (x1 >> (32u - r))) ^ x0;
    if (round % 4u == 3u) {
      let turn = (round + 1u) / 4u;
      x0 = x0 + keys[turn % 3u];
      x1 = x1 + keys[(turn + 1u) % 3u] + turn;
    }
  }
  return x0;
}`;
