#!/usr/bin/env node
// Inside the repository the command runs from sources, with no build and no second process, so signals,
// standard input and the exit code are the command's own. The published package starts `dist/main.js` instead.
import { register } from 'node:module';
import { register as registerTypeScript } from 'tsx/esm/api';

registerTypeScript();
register('./source-condition.js', import.meta.url);
await import('../src/main.ts');
