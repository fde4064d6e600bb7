import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { emptyDirectory, writeTestFile } from '../testing/checkpoints.test-support.ts';
import { surveyAdapter } from './adapter-survey.ts';

/** A module in place of `webgpu`, whose adapter is given as code. */
async function entryOf(adapter: string): Promise<string> {
  const code = `export const globals = { GPUAdapter: class {} };
export const create = () => ({ async requestAdapter() { ${adapter} } });`;
  return pathToFileURL(await writeTestFile(await emptyDirectory(), 'webgpu.mjs', code)).href;
}

const info = (name: string, more = ''): string =>
  `console.log('driver 1.0'); return { info: { description: ${JSON.stringify(name)}${more} } };`;

test.each([
  ['a GPU', info('Radeon 780M', `, vendor: 'amd'`), { kind: 'hardware', detail: 'Radeon 780M' }],
  ['an adapter that says it is none', info('Fast', ', isFallbackAdapter: true'), { kind: 'software', detail: 'Fast' }],
  ['a rasteriser by its device', info('', `, device: 'llvmpipe'`), { kind: 'software', detail: 'llvmpipe' }],
  ['a rasteriser', info('llvmpipe (LLVM 15)'), { kind: 'software', detail: 'llvmpipe (LLVM 15)' }],
  ['nothing', 'return null;', { kind: 'none', detail: 'the platform has no adapter' }],
])('%s is told from the others', async (_, adapter, expected) => {
  expect(await surveyAdapter(await entryOf(adapter))).toEqual(expected);
});

test('what a driver prints is the reason that there is none, and a crash is one too', async () => {
  const printing = await entryOf(`console.error('Warning: Found no drivers!\\n  at Vulkan'); return null;`);
  expect(await surveyAdapter(printing)).toEqual({ kind: 'none', detail: 'Found no drivers' });
  const crashing = await entryOf(`process.kill(process.pid, 'SIGKILL'); await new Promise(() => {});`);
  expect(await surveyAdapter(crashing)).toEqual({ kind: 'none', detail: 'the platform has no adapter' });
});

test('a package that does not load is a reason, too', async () => {
  const { kind, detail } = await surveyAdapter('file:///no/such/webgpu.mjs');
  expect({ kind, detail }).toEqual({
    kind: 'none',
    detail: expect.stringMatching(/^Cannot find module .*webgpu\.mjs/),
  });
});
