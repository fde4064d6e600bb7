// Budgets of what a page downloads: minified, brotli; some 15 % above what it is, so that growth is noticed. A package counts
// alone, with its dependencies from npm but without the other packages of this repository; the last line is what a page that
// generates text gets to carry as a whole. The playground is a page that is built: all scripts of a view, workers included, as they are.
import { readdirSync } from 'node:fs';

const budgets = {
  assembler: '28 kB',
  'attention-latent': '5.2 kB',
  'attention-linear': '16.6 kB',
  'attention-softmax': '2.8 kB',
  checkpoints: '39 kB',
  data: '15.5 kB',
  'decoding-speculative': '11.4 kB',
  feedforward: '0.6 kB',
  'feedforward-moe': '2.2 kB',
  'head-projections': '1.8 kB',
  'kernels-webgpu': '25 kB',
  linearize: '1.6 kB',
  lora: '6.3 kB',
  'mixers-memory-mosaic': '6 kB',
  norms: '0.6 kB',
  ops: '47 kB',
  plugin: '4.9 kB',
  'plugin-testing': '10 kB',
  sampling: '10.6 kB',
  'streaming-sinks': '1.5 kB',
  'tensor-core': '24 kB',
  text: '24.5 kB',
  training: '12.9 kB',
  'tokenizer-training': '2.5 kB',
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
  {
    name: 'one mixer of @tessera/attention-linear',
    ...bundle('attention-linear', '3.8 kB', ['@tessera/*']),
    import: '{ gatedDeltaNet }',
  },
  { name: 'the assembler and all that it depends on', ...bundle('assembler', '105 kB', []) },
  {
    // A first visit fetches up to 150 kB of them, which apps/browser-tests holds.
    name: 'the scripts of the playground where it writes, with every family',
    path: ['../playground/dist/**/*.js', '!../playground/dist/**/train*.js'],
    limit: '225 kB',
    disablePlugins: ['@size-limit/esbuild'],
  },
  {
    name: 'what is loaded besides where it trains',
    path: '../playground/dist/**/train*.js',
    limit: '215 kB',
    disablePlugins: ['@size-limit/esbuild'],
  },
];
