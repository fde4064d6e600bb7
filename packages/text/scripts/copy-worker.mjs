// The worker's entry is plain JavaScript, so that one file serves the sources and the build; tsc does not carry it over.
import { copyFileSync } from 'node:fs';

const from = new URL('../src/chat/template-worker.js', import.meta.url);
const to = new URL('../dist/chat/template-worker.js', import.meta.url);
copyFileSync(from, to);
