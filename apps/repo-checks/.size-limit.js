// Budgets of what a page downloads: minified, brotli. A package counts alone, with its dependencies from npm but without
// the other packages of this repository; the last line is what a page that generates text gets to carry as a whole.
import { readdirSync } from 'node:fs';

const budgets = {
  assembler: '15 kB',
  'attention-linear': '10 kB',
  'attention-softmax': '8 kB',
  checkpoints: '15 kB',
  feedforward: '3 kB',
  norms: '2 kB',
  ops: '25 kB',
  plugin: '8 kB',
  'plugin-testing': '10 kB',
  sampling: '8 kB',
  'tensor-core': '30 kB',
  text: '40 kB',
};

const packages = new URL('../../packages/', import.meta.url);
const missing = readdirSync(packages).filter((name) => !(name in budgets));
if (missing.length > 0) throw new Error(`Give ${missing.join(', ')} a budget in apps/repo-checks/.size-limit.js.`);

const bundle = (name, limit, ignore) => ({
  path: `../../packages/${name}/dist/index.js`,
  limit,
  ignore: ['node:*', ...ignore],
  modifyEsbuildConfig: (config) => ({ ...config, format: 'esm' }),
});

export default [
  ...Object.entries(budgets).map(([name, limit]) => ({
    name: `@tessera/${name}`,
    ...bundle(name, limit, ['@tessera/*']),
  })),
  { name: 'the assembler and all that it depends on', ...bundle('assembler', '150 kB', []) },
];
