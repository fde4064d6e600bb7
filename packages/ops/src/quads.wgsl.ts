/** A storage buffer of rows of f32 that a kernel reads or writes four numbers at a time. */
export interface QuadRows {
  readonly name: string;
  readonly binding: number;
  /** Numbers of a row. */
  readonly width: number;
  /** Whether every quad starts at a multiple of four: then the buffer is bound as vectors. */
  readonly aligned: boolean;
}

/** WGSL that binds the buffer. */
export function bindQuads({ name, binding, aligned }: QuadRows, access: 'read' | 'read_write' = 'read'): string {
  return `@group(0) @binding(${binding}) var<storage, ${access}> ${name}: array<${aligned ? 'vec4f' : 'f32'}>;`;
}

/** WGSL of `fn(row, column) -> vec4f`: four numbers of a row from a column on, zeros from column `end` on. */
export function readQuad(fn: string, { name, width, aligned }: QuadRows, end: number = width): string {
  return aligned
    ? `fn ${fn}(row: u32, column: u32) -> vec4f {
  if (column >= ${end}u) { return vec4f(0.0); }
  return ${name}[(row * ${width}u + column) / 4u];
}`
    : `fn ${fn}(row: u32, column: u32) -> vec4f {
  var x = vec4f(0.0);
  for (var i = 0u; i < 4u; i++) { if (column + i < ${end}u) { x[i] = ${name}[row * ${width}u + column + i]; } }
  return x;
}`;
}

/** WGSL of `fn(row, column, x: vec4f)`: writes four numbers of a row, those beyond its end nowhere. */
export function writeQuad(fn: string, { name, width, aligned }: QuadRows): string {
  return aligned
    ? `fn ${fn}(row: u32, column: u32, x: vec4f) { if (column < ${width}u) { ${name}[(row * ${width}u + column) / 4u] = x; } }`
    : `fn ${fn}(row: u32, column: u32, x: vec4f) {
  for (var i = 0u; i < 4u; i++) { if (column + i < ${width}u) { ${name}[row * ${width}u + column + i] = x[i]; } }
}`;
}
