/**
 * Whether a run takes the tests that are too slow for `npm test`: `pnpm test:webgpu:all`. Where it does not, that is told.
 * @param rest - what is left out
 */
export function takesAll(rest: string): boolean {
  const all = process.env['TESSERA_WEBGPU'] === 'all';
  if (!all) console.log(`Left to pnpm test:webgpu:all: ${rest}.`);
  return all;
}
