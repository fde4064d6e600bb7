import { globals } from 'webgpu';
import { runCommand } from './command.ts';
import { readOptions, usage } from './options.ts';

// Dawn keeps the process alive and must not be collected while its device lives.
Object.assign(globalThis, globals);
const args = process.argv.slice(2);
let status = 1;
if (args.includes('--help')) {
  console.log(usage);
  status = 0;
} else
  try {
    const interrupt = new AbortController();
    for (const end of ['SIGINT', 'SIGTERM']) process.once(end, () => interrupt.abort());
    const voice = { print: (text: string) => console.log(text), progress: (line: string) => console.error(line) };
    status = await runCommand(readOptions(args), voice, { signal: interrupt.signal });
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
  }
process.exit(status);
