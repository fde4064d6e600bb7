import { execFile } from 'node:child_process';

/** What the platform offers to WebGPU. */
export interface AdapterSurvey {
  readonly kind: 'hardware' | 'software' | 'none';
  /** The name of the adapter, or why there is none. */
  readonly detail: string;
}

interface AdapterFacts {
  /** Description, device, architecture and vendor, as far as the adapter tells. */
  readonly names: readonly string[];
  readonly fallback: boolean;
}

/** Run by another process: ends with the platform's adapter as JSON, or null. */
const question = `
async function requestAdapter(entry) {
  const { create, globals } = await import(entry);
  Object.assign(globalThis, globals);
  return create([]).requestAdapter({ powerPreference: 'high-performance' });
}
const adapter = await requestAdapter(process.argv[1]).catch((error) => console.error(error.message));
const info = adapter?.info;
const names = info && [info.description, info.device, info.architecture, info.vendor].filter(Boolean);
console.log(JSON.stringify(info ? { names, fallback: info.isFallbackAdapter } : null));
`;

/** Rasterisers on the processor, which some drivers offer as if they were GPUs. */
const rasterisers = /swiftshader|llvmpipe|lavapipe|basic render/i;

/** A driver that has not answered by then hangs. */
const patienceMs = 20_000;

/**
 * Asks for the platform's adapter in a process of its own. There, what drivers and their loader print about GPUs that are
 * not there spoils nobody's terminal, and a driver that crashes takes nothing with it.
 * @param entry - address of the module `webgpu`
 */
export async function surveyAdapter(entry: string): Promise<AdapterSurvey> {
  const { facts, said } = await ask(entry);
  if (!facts) return { kind: 'none', detail: reasonIn(said) || 'the platform has no adapter' };
  const { names, fallback } = facts;
  const software = fallback || names.some((name) => rasterisers.test(name));
  return { kind: software ? 'software' : 'hardware', detail: names[0] ?? 'an adapter without a name' };
}

/** The first line of what was printed, as a part of a sentence. */
function reasonIn(said: string): string {
  const [line = ''] = said.trim().split('\n');
  return line.replace(/^(Warning|Error): /, '').replace(/[.!]+$/, '');
}

function ask(entry: string): Promise<{ readonly facts: AdapterFacts | null; readonly said: string }> {
  const argv = ['--input-type=module', '--eval', question, '--', entry];
  return new Promise((resolve) => {
    execFile(process.execPath, argv, { timeout: patienceMs }, (error, stdout, stderr) => {
      // A driver may have printed something before.
      const answer = stdout.trimEnd().split('\n').at(-1)!;
      resolve({ facts: error ? null : (JSON.parse(answer) as AdapterFacts | null), said: stderr });
    });
  });
}
