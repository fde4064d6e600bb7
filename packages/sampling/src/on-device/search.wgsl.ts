/** Digits of a key that one pass tells apart. */
const bins = 256;
/** Counters of each digit, so that fewer invocations wait for one of them. */
const copies = 4;

/**
 * WGSL that finds the key at which the members with that key or a larger one reach a goal: digit by digit, each by a
 * histogram in workgroup memory. Weights are whole numbers, added in two words each, so that no order is left to chance.
 */
export function searchCode(V: number, threads: number): string {
  // V numbers of so many bits do not overflow a word.
  const half = 32 - Math.ceil(Math.log2(Math.max(V, 2)));
  const precision = Math.min(31, 2 * half);
  const idDigits = Math.max(1, Math.ceil(Math.log2(Math.max(V, 2)) / 8));
  const largestId = 2 ** (8 * idDigits) - 1;
  return `const lowest = -3.4028234e38;
const by_count = 0u;
const by_value = 1u;
const by_tie = 2u;
const by_distance = 3u;
const by_id = 4u;
/** What is still a candidate: at least that value, of those with it up to an id, and near enough to the mean. */
struct Kept { value: u32, tie: u32, least: f32, mean: f32, farthest: f32 }
struct Scale { peak: f32, temperature: f32 }
/** Weights of larger keys and of this one, as 64-bit numbers (low, high), and what was to be reached. */
struct Edge { key: u32, above: vec2u, at: vec2u, goal: vec2u }
const reach_share = vec2u(0u, 0u);
const pass_share = vec2u(1u, 0xffffffffu);
var<workgroup> bins: array<atomic<u32>, ${2 * copies * bins}>;
var<workgroup> totals: array<vec2u, ${bins}>;
var<workgroup> groups: array<vec2u, 16>;
var<workgroup> edge: Edge;

fn plus(a: vec2u, b: vec2u) -> vec2u {
  let low = a.x + b.x;
  return vec2u(low, a.y + b.y + select(0u, 1u, low < a.x));
}
fn minus(a: vec2u, b: vec2u) -> vec2u { return vec2u(a.x - b.x, a.y - b.y - select(0u, 1u, a.x < b.x)); }
fn reaches(a: vec2u, b: vec2u) -> bool { return a.y > b.y || (a.y == b.y && a.x >= b.x); }
fn product(a: u32, b: u32) -> vec2u {
  let al = a & 0xffffu;
  let ah = a >> 16u;
  let bl = b & 0xffffu;
  let bh = b >> 16u;
  let middle = al * bh + ((al * bl) >> 16u);
  let other = ah * bl + (middle & 0xffffu);
  return vec2u(a * b, ah * bh + (middle >> 16u) + (other >> 16u));
}
/** total · share / 2³², rounded up to reach it, or the least number that is more. */
fn share_of(total: vec2u, share: u32, passing: bool) -> vec2u {
  let low = product(total.x, share);
  let whole = plus(product(total.y, share), vec2u(low.y, 0u));
  let goal = plus(whole, vec2u(select(0u, 1u, passing || low.x != 0u), 0u));
  return select(goal, vec2u(1u, 0u), goal.x == 0u && goal.y == 0u);
}

/** Keys order as values do; −0 is 0. */
fn key_of(given: u32) -> u32 {
  let bits = select(given, 0u, given == 0x80000000u);
  return select(bits | 0x80000000u, ~bits, (bits >> 31u) == 1u);
}
fn bits_of(key: u32) -> u32 { return select(~key, key & 0x7fffffffu, (key >> 31u) == 1u); }
fn id_of(key: u32) -> u32 { return ${largestId}u - key; }
fn log_of(bits: u32, scale: Scale) -> f32 {
  return max((bitcast<f32>(bits) - scale.peak) / scale.temperature, -1e30);
}
fn weight_of(bits: u32, scale: Scale) -> u32 {
  return min(u32(exp(log_of(bits, scale)) * ${2 ** precision}.0), ${2 ** precision - 1}u);
}
fn is_kept(bits: u32, id: u32, scale: Scale, kept: Kept) -> bool {
  let key = key_of(bits);
  let log = log_of(bits, scale);
  return !is_lowest(bits) && (key > kept.value || (key == kept.value && id <= kept.tie)) &&
    log >= kept.least && abs(log - kept.mean) <= kept.farthest;
}

/** Σ w log w / Σ w over the candidates, summed in f32. */
fn mean_log(start: u32, lane: u32, scale: Scale, kept: Kept) -> f32 {
  var weights = 0.0;
  var logs = 0.0;
  for (var i = lane; i < ${V}u; i += ${threads}u) {
    let bits = values[start + i];
    if (!is_kept(bits, i, scale, kept)) { continue; }
    let log = log_of(bits, scale);
    let weight = exp(log);
    weights += weight;
    logs += weight * max(log, -1e4); // beyond that the weight is 0
  }
  tops[lane] = weights;
  workgroupBarrier();
  for (var h = ${threads / 2}u; h > 0u; h = h / 2u) {
    if (lane < h) { tops[lane] += tops[lane + h]; }
    workgroupBarrier();
  }
  let total = workgroupUniformLoad(&tops[0]);
  tops[lane] = logs;
  workgroupBarrier();
  for (var h = ${threads / 2}u; h > 0u; h = h / 2u) {
    if (lane < h) { tops[lane] += tops[lane + h]; }
    workgroupBarrier();
  }
  return workgroupUniformLoad(&tops[0]) / total;
}

fn search(start: u32, lane: u32, kind: u32, goal: vec2u, share: u32, scale: Scale, kept: Kept) -> Edge {
  let of_ids = kind == by_tie || kind == by_id;
  let digits = select(4u, ${idDigits}u, of_ids);
  var prefix = 0u;
  for (var d = digits; d > 0u; d--) {
    let shift = 8u * (d - 1u);
    for (var j = lane; j < ${2 * copies * bins}u; j += ${threads}u) { atomicStore(&bins[j], 0u); }
    workgroupBarrier();
    for (var i = lane; i < ${V}u; i += ${threads}u) {
      let bits = values[start + i];
      if (!is_kept(bits, i, scale, kept)) { continue; }
      var key = key_of(bits);
      if (kind == by_tie && key != kept.value) { continue; }
      if (of_ids) { key = ${largestId}u - i; }
      if (kind == by_distance) { key = ~bitcast<u32>(abs(log_of(bits, scale) - kept.mean)); }
      if (((key >> shift) >> 8u) != prefix) { continue; }
      var weight = 1u;
      if (kind != by_count) { weight = weight_of(bits, scale); }
      if (weight == 0u) { continue; }
      let at = 2u * (${copies}u * ((key >> shift) & 255u) + (lane & ${copies - 1}u));
      atomicAdd(&bins[at], weight & ${2 ** half - 1}u);
      atomicAdd(&bins[at + 1u], weight >> ${half}u);
    }
    workgroupBarrier();
    for (var j = lane; j < ${bins}u; j += ${threads}u) {
      var low = 0u;
      var high = 0u;
      for (var c = 2u * ${copies}u * j; c < 2u * ${copies}u * (j + 1u); c += 2u) {
        low += atomicLoad(&bins[c]);
        high += atomicLoad(&bins[c + 1u]);
      }
      totals[j] = plus(vec2u(low, 0u), vec2u(high << ${half}u, high >> ${32 - half}u));
    }
    workgroupBarrier();
    if (lane < 16u) {
      var sum = vec2u(0u);
      for (var j = 16u * lane; j < 16u * lane + 16u; j++) { sum = plus(sum, totals[j]); }
      groups[lane] = sum;
    }
    workgroupBarrier();
    if (lane == 0u) {
      if (d == digits) {
        var total = vec2u(0u);
        for (var j = 0u; j < 16u; j++) { total = plus(total, groups[j]); }
        let passing = goal.y == 0xffffffffu;
        let by_share = passing || (goal.x == 0u && goal.y == 0u);
        edge.goal = select(goal, share_of(total, share, passing), by_share);
        edge.above = vec2u(0u);
      }
      var above = edge.above;
      var g = 15u;
      while (g > 0u && !reaches(plus(above, groups[g]), edge.goal)) { above = plus(above, groups[g]); g--; }
      var j = 16u * g + 15u;
      while (j > 16u * g && !reaches(plus(above, totals[j]), edge.goal)) { above = plus(above, totals[j]); j--; }
      edge.key = (prefix << 8u) | j;
      edge.above = above;
      edge.at = totals[j];
    }
    prefix = workgroupUniformLoad(&edge).key;
  }
  return workgroupUniformLoad(&edge);
}`;
}
