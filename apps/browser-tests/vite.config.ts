import { defaultClientConditions, defineConfig } from 'vite';

// The page with the checks. `npx vite` shows it to whatever browser is to be checked by hand.
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  appType: 'mpa', // a file that a checkpoint does not have is a 404
  publicDir: '../conformance/cases',
  resolve: { conditions: ['@tessera/source', ...defaultClientConditions] },
  build: { modulePreload: false },
});
