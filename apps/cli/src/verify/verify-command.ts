import { UnsupportedOptionError } from '@tessera/tensor-core';
import type { Command } from 'commander';
import { webgpuOf } from '../devices/device-of.ts';
import { ReportedFailure } from '../exit-status.ts';
import { defineCommand } from '../options/define-command.ts';
import { addDeviceOptions } from '../options/model-options.ts';
import { showSeconds } from '../terminal/numbers.ts';
import { ClosedOutput } from '../terminal/closed-output.ts';
import { StatusLine } from '../terminal/status-line.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { textTable } from '../terminal/text-table.ts';
import { writeLine } from '../terminal/write-text.ts';
import type { GradientComparison } from './compare-gradients.ts';
import { halfTolerance } from './tolerances.ts';
import type { Verdict } from './verdict.ts';
import type { VerifyOptions } from './verify-case.ts';
import { verifyCase } from './verify-case.ts';

interface VerifyArguments extends VerifyOptions {
  readonly json?: boolean;
}

const notes = `
A directory holds config.json, model.safetensors, golden.safetensors (input_ids, logits; greedy_prompt and greedy_ids;
hidden_i, what enters layer i) and perhaps meta.json (family, context_length: for how many positions rotary frequencies are
chosen, otherwise for those of input_ids, and for texts those of greedy_ids). One line of JSON for each goes to
standard output: { directory, family, device, adapter, dtype, maxAbsDiff, maxAbsReference, relative, greedyEqual, pass }.
With --grads it also holds grads.json (loss, and for each published tensor the norm of its gradient and some of its values),
and the line gradients: { loss, referenceLoss, tensors, relative, worst, failing, pass }, worst naming a tensor.

fp32 and auto: logits within 2e-4 of the largest |logit| of the reference, and the same greedy tokens, except where the
two best are closer than that. fp16 and bf16: the logits are compared with those of our own fp32, within 2e-2 and 8e-2
of its largest |logit|; greedy tokens are reported and not required.
--grads, in fp32 and auto: the mean cross-entropy of each next token of input_ids within 2e-4 of itself, and of the gradient of
every published tensor the norm within 1e-3 of itself and the listed values within 1e-3 of the largest of them, where
rounding, 2^-23 of the norm of all gradients together, counts as nothing. Dropout is off.
When logits fail, firstDivergingLayer names the first layer whose output differs, "embedding" or "head".

Exit status: 0 when all pass, else 1.

Examples:
  tessera verify apps/conformance/cases/*
  tessera verify apps/conformance/cases/llama-* --grads
  tessera verify apps/conformance/cases/llama-minimal --dtype fp16 --json
  tessera verify apps/conformance/cases/llama-minimal --device webgpu --without subgroups`;

/** `tessera verify`: compares with outputs of reference implementations. */
export function verifyCommand(terminal: Terminal): Command {
  const command = defineCommand('verify', terminal)
    .description('Compare logits and greedy tokens with those of a reference implementation.')
    .argument('<directory...>', 'conformance directories');
  return addDeviceOptions(command, { default: 'fp32', help: 'auto keeps that of the checkpoint' })
    .option('--grads', 'compare loss and gradients with grads.json too')
    .option('--json', 'no table on standard error')
    .addHelpText('after', notes)
    .action((directories: string[], given: VerifyArguments) => verify(directories, given, terminal));
}

async function verify(directories: readonly string[], given: VerifyArguments, terminal: Terminal): Promise<void> {
  if (given.grads && halfTolerance(given.dtype ?? 'fp32') !== undefined)
    throw new UnsupportedOptionError(
      `--grads compares with gradients in single precision, and --dtype ${given.dtype} rounds the weights. Take fp32 or auto.`,
    );
  const { stdout, stderr } = terminal;
  const started = performance.now();
  const status = new StatusLine(stderr);
  const verdicts: Verdict[] = [];
  // One for all directories, with the shaders that they have in common.
  const webgpu = await webgpuOf(given, terminal);
  const options = { ...given, ...(webgpu && { device: webgpu }) };
  try {
    for (const [index, directory] of directories.entries()) {
      // Directories that were not looked at did not pass.
      if (terminal.signal.reason instanceof ClosedOutput) throw new ReportedFailure(terminal.signal.reason.message);
      terminal.signal.throwIfAborted();
      status.update(() => `${index + 1} of ${directories.length}: ${directory}`);
      const verdict = await verifyCase(directory, options, terminal);
      verdicts.push(verdict);
      status.clear();
      await writeLine(stdout, JSON.stringify(verdict));
      for (const line of complaints(verdict)) await writeLine(stderr, line);
    }
  } finally {
    status.clear();
    webgpu?.dispose();
  }
  const passed = verdicts.filter(({ pass }) => pass).length;
  const seconds = showSeconds((performance.now() - started) / 1000);
  if (!given.json) await writeLine(stderr, table(verdicts, given.grads ?? false));
  await writeLine(stderr, `${passed} of ${verdicts.length} pass, ${seconds}`);
  if (passed < verdicts.length) throw new ReportedFailure('Some directories do not pass.');
}

function complaints({ directory, error, kind, firstDivergingLayer, relative, gradients }: Verdict): string[] {
  if (error !== undefined) return [`${error.startsWith(directory) ? '' : `${directory}: `}${error}\ncode: ${kind}`];
  const found: string[] = [];
  if (firstDivergingLayer !== undefined) {
    const where =
      firstDivergingLayer === null ? 'the reference has no hidden states' : `first in ${whereIs(firstDivergingLayer)}`;
    found.push(`${directory}: logits differ by ${relative?.toExponential(2)} of the largest, ${where}.`);
  }
  if (gradients && !gradients.pass) found.push(`${directory}: ${gradientComplaint(gradients)}`);
  return found;
}

function gradientComplaint({ failing, loss, referenceLoss, tensors, worst, relative }: GradientComparison): string {
  if (failing.length === 0) return `the loss is ${loss}, that of the reference ${referenceLoss}.`;
  const furthest = `furthest ${worst}, by ${relative?.toExponential(2) ?? 'no number'}`;
  return `gradients of ${failing.length} of ${tensors} tensors differ, ${furthest}; loss ${loss}, that of the reference ${referenceLoss}.`;
}

function whereIs(layer: NonNullable<Verdict['firstDivergingLayer']>): string {
  return typeof layer === 'number' ? `layer ${layer}` : `the ${layer}`;
}

function table(verdicts: readonly Verdict[], grads: boolean): string {
  return textTable(
    [
      'directory',
      'family',
      'device',
      'dtype',
      'relative',
      'greedy',
      ...(grads ? ['gradients', 'worst'] : []),
      'result',
    ],
    verdicts.map(({ directory, family, device, dtype, relative, greedyEqual, gradients, pass }) => [
      directory,
      family ?? '',
      device ?? '',
      dtype,
      relative?.toExponential(2) ?? '',
      greedyEqual === null ? 'none' : greedyEqual ? 'equal' : 'differs',
      ...(grads ? [gradients?.relative?.toExponential(2) ?? '', gradients?.worst ?? ''] : []),
      pass ? 'pass' : 'FAIL',
    ]),
  );
}
