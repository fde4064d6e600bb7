/** Bytes of workgroup memory that {@link chunkDecays} takes. */
export function chunkDecayBytes(C: number): number {
  return 4 * (C * C + 2 * C);
}

/**
 * WGSL of the decays inside a chunk of C entries of `g [B, T, H]`, 0 after the last. `measure` fills `fromStart`, e^{G_r}, and
 * `between`, whose vector `s · C / 4 + i` holds e^{G_r − G_s} for the four rows r from 4 i on, 0 where r < s. Sums are taken for
 * each s alone, since in G_r − G_s one strong gate would wipe out the weak ones after it.
 */
export function chunkDecays(C: number, { T, H, lanes }: { T: number; H: number; lanes: number }): string {
  return `var<workgroup> gates: array<f32, ${C}>;
var<workgroup> fromStart: array<f32, ${C}>;
var<workgroup> between: array<vec4f, ${(C * C) / 4}>;
fn measure(b: u32, h: u32, t0: u32, lane: u32) {
  for (var r = lane; r < ${C}u; r += ${lanes}u) {
    gates[r] = select(0.0, g[(b * ${T}u + min(t0 + r, ${T - 1}u)) * ${H}u + h], t0 + r < ${T}u);
  }
  workgroupBarrier();
  for (var s = lane; s < ${C}u; s += ${lanes}u) {
    var total = 0.0;
    for (var r = 0u; r <= s; r++) { total += gates[r]; }
    fromStart[s] = exp(total);
    total = 0.0;
    for (var i = 0u; i < ${C / 4}u; i++) {
      var x = vec4f(0.0);
      for (var n = 0u; n < 4u; n++) {
        let r = i * 4u + n;
        if (r > s) { total += gates[r]; }
        if (r >= s) { x[n] = exp(total); }
      }
      between[s * ${C / 4}u + i] = x;
    }
  }
  workgroupBarrier();
}`;
}
