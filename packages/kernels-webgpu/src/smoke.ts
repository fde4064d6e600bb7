import { createRequire } from 'node:module';
const require = createRequire('/tmp/wg/package.json');
const { create, globals } = require('webgpu');
Object.assign(globalThis, globals);
import * as t from '@tessera/tensor-core';
import { WebGpuDevice } from './index.ts';
const gpu = create([]);
const adapter = await gpu.requestAdapter();
const device = await adapter.requestDevice({ requiredLimits: { maxStorageBuffersPerShaderStage: adapter.limits.maxStorageBuffersPerShaderStage } });
const dev = new WebGpuDevice(device);
const cpu = new t.CpuDevice();
let s = 1; const rnd = (n: number) => Float32Array.from({ length: n }, () => { s = (s * 16807) % 2147483647; return s / 2147483647 * 2 - 1; });
const R = (shape: number[]) => t.fromHost(rnd(t.sizeOf(shape)), shape);
async function check(name: string, build: (...x: t.Tensor[]) => t.Tensor[], inputs: t.Tensor[]) {
  try {
    const g = t.trace((...x) => build(...x), inputs);
    const a = (await cpu.compile(g)).run(inputs); const p = await dev.compile(g); const b = p.run(inputs); const b2 = p.run(inputs);
    for (let i = 0; i < a.length; i++) { const x = await cpu.read(a[i]!), y = await dev.read(b2[i]!); let d = 0, m = 0; x.forEach((v, k) => { d = Math.max(d, Math.abs(v - y[k]!)); m = Math.max(m, Math.abs(v)); if (!(Math.abs(v - y[k]!) >= 0) && v !== y[k]) d = NaN; }); const ok = x.length === y.length && d <= 2e-5 * Math.max(1, m); console.log(ok ? 'ok  ' : 'FAIL', name, i, d, 'dispatches', (p as any).dispatches); }
  } catch (e) { console.log('ERR ', name, String((e as Error).stack).slice(0, 1500)); }
}
await check('ew', (a, b) => [t.add(t.mul(t.exp(a), b), 1), t.where(t.greater(a, 0), a, t.neg(b)), t.greater(a, b)], [R([3, 65]), R([65])]);
await check('views', (a) => [t.reshape(t.permute(a, [2, 0, 1]), [15, 4]), t.flip(a, 1), t.slice(a, 2, 1, 3), t.pad(a, 1, 2, 1, 7), t.concat([a, t.mul(a, 2)], 1)], [R([4, 3, 5])]);
await check('reduce', (a) => [t.sum(a, { axis: 1 }), t.max(a, { axis: [0, 2] }), t.argmax(a, { axis: 1 }), t.mean(a), t.sum(t.square(a), { axis: -1, keepDims: true })], [R([4, 300, 3])]);
await check('matmul', (a, b) => [t.matmul(a, t.transpose(b))], [R([65, 70]), R([130, 70])]);
await check('matmul batch', (a, b) => [t.matmul(t.permute(a, [1, 0, 2]), b)], [R([7, 3, 9]), R([3, 9, 5])]);
await check('gemv', (a, b) => [t.matmul(a, t.transpose(t.cast(b, 'bf16')))], [R([1, 70]), R([130, 70])]);
await check('gather', (a, i) => [t.gather(a, i), t.scatterSet(a, i, t.full([4, 3], 5)), t.scatterAdd(a, i, t.mul(t.gather(a, i), 2))], [R([6, 3]), t.tensor([0, 5, -1, 9], { dtype: 'i32' })]);
await check('scatter chain', (a, i, u) => { const n = t.scatterSet(a, i, u, { batchDims: 1 }); return [n, t.sum(n, { axis: 1 })]; }, [R([2, 6, 3]), t.tensor([[0, 5], [1, -1]], { dtype: 'i32' }), R([2, 2, 3])]);
await check('cumsum', (a) => [t.cumsum(a, 1), t.cumsum(a, 0, { reverse: true, exclusive: true })], [R([5, 33])]);
await check('sort', (a) => { const r = t.sort(a, { descending: true }); return [r.values, r.indices]; }, [R([3, 70])]);
await check('random', () => [t.randomUniform(t.randomKey(5), [77]), t.randomNormal(t.randomKey(5), [77]), t.randomBits(t.randomKey(9), [5])], []);
await check('scan', (a, b) => { const r = t.scan({ carry: { s: t.zeros([4]) }, sequences: { x: a }, step: ({ s }, { x }) => { const n = t.add(t.mul(s, 0.5), t.matmul(t.expandDims(x, 0), b) as any); const m = t.reshape(n, n.shape.slice(-1)); return { carry: { s: t.reshape(t.slice(n, 0, 0, 1), [4]) }, output: { y: t.sum(m) } }; } }); return [r.carry.s, r.outputs.y]; }, [R([9, 4]), R([4, 4])]);
await check('scan count rev', (a, c) => { const r = t.scan({ carry: t.zeros([4]), sequences: a, count: c, reverse: true, step: (s, x) => { const n = t.add(t.mul(s, 0.5), x); return { carry: n, output: n }; } }); return [r.carry, r.outputs]; }, [R([9, 4]), t.tensor(5, { dtype: 'i32' })]);
await check('unary', (a) => [t.erf(a), t.tanh(t.mul(a, 30)), t.sigmoid(t.mul(a, 60)), t.sign(a), t.round(t.mul(a, 5)), t.pow(t.abs(a), 1.5), t.rsqrt(t.add(t.abs(a), .1)), t.sin(a), t.floor(a)], [R([130])]);
await check('ints', (a, b) => [t.rem(a, b), t.div(a, b), t.shiftRight(a, 2), t.and(a, 7), t.cast(a, 'f32'), t.maximum(a, b)], [t.tensor([-7, 8, 9, -100], { dtype: 'i32' }), t.tensor([2, 3, -4, 7], { dtype: 'i32' })]);
process.exit(0);
