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
    status = await runCommand(readOptions(args), {
      print: (text) => console.log(text),
      progress: (line) => console.error(line),
    });
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
  }
process.exit(status);
