import { join } from 'node:path';
import { defaultClientConditions, defineConfig } from 'vite';
import type { Plugin } from 'vite';
import { contentSecurityPolicy } from './content-security-policy.ts';
import { demoModelsIn } from './demo-models.ts';

const models = '../models';

/**
 * The policy as a tag of the page, for hosts that send no headers. It holds for the page only: a worker obeys the header
 * that its own script came with.
 */
const policyTag: Plugin = {
  name: 'content-security-policy',
  transformIndexHtml: () => [
    {
      tag: 'meta',
      attrs: { 'http-equiv': 'Content-Security-Policy', content: contentSecurityPolicy },
      injectTo: 'head-prepend',
    },
  ],
};

const headers = { 'Content-Security-Policy': contentSecurityPolicy };

export default defineConfig({
  root: import.meta.dirname,
  base: './', // the built page works in any folder of a host
  appType: 'mpa', // a file that a checkpoint does not have is a 404, not this page
  publicDir: models, // served as they are, and copied by a build
  resolve: { conditions: ['@tessera/source', ...defaultClientConditions] },
  plugins: [policyTag],
  define: { DEMO_MODELS: JSON.stringify(demoModelsIn(join(import.meta.dirname, models))) },
  worker: { format: 'es' },
  build: { modulePreload: false, assetsInlineLimit: 0 },
  server: { headers },
  preview: { headers },
});
