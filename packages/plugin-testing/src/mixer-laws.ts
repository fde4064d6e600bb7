import { CpuDevice } from '@tessera/tensor-core';
import type { Device } from '@tessera/tensor-core';
import { Session } from './bench/session.ts';
import { Subject } from './bench/subject.ts';
import type { SubjectOptions } from './bench/subject.ts';
import type { Law } from './law.ts';
import { commitLaws } from './laws/commit-laws.ts';
import { declarationLaws } from './laws/declaration-laws.ts';
import { forwardLaws } from './laws/forward-laws.ts';
import type { LawSource } from './laws/law-source.ts';
import { stateLaws } from './laws/state-laws.ts';
import { stepLaws } from './laws/step-laws.ts';
import { treeLaws } from './laws/tree-laws.ts';

/** What {@link mixerLaws} is given. */
export interface MixerLawsOptions extends SubjectOptions {
  /** Devices to run on. @defaultValue the CPU, with fresh memory full of NaN */
  readonly devices?: readonly Device[];
  /**
   * The device of whole sequences by themselves, with which steps, batches and padded rows are compared. With the CPU here, the
   * laws on another device also say that it computes what the CPU does. @defaultValue each device itself
   */
  readonly reference?: Device;
}

const laws: readonly LawSource[] = [
  ...declarationLaws,
  ...forwardLaws,
  ...stepLaws,
  ...treeLaws,
  ...commitLaws,
  ...stateLaws,
];

/**
 * The laws that a mixer has to keep, each as a check for whatever test runner there is. A mixer without decoding gets
 * those of forward.
 *
 * {@includeCode ../examples/check-a-mixer.ts#laws}
 */
export function mixerLaws({
  devices = [new CpuDevice({ poison: true })],
  reference,
  ...options
}: MixerLawsOptions): readonly Law[] {
  return devices.flatMap((device, index) => {
    const subject = new Subject(options, device, reference);
    return laws
      .filter(({ applies }) => applies?.(subject) ?? true)
      .map(({ name, check }): Law => {
        const full = devices.length > 1 ? `${name} (device ${index}: ${device.name})` : name;
        return {
          name: full,
          async run() {
            const session = new Session(subject, full);
            try {
              await check(session);
            } finally {
              session.dispose();
            }
          },
        };
      });
  });
}

/** How a test runner takes a test: `test` of vitest, of node:test, of Jest. */
export type TestFunction = (name: string, run: () => Promise<void>) => unknown;

/**
 * Hands the laws of a mixer to a test runner.
 *
 * {@includeCode ../examples/check-a-mixer.ts#describe}
 */
export function describeMixer(
  mixer: MixerLawsOptions['mixer'],
  config: unknown,
  dModel: number,
  { test, ...options }: Omit<MixerLawsOptions, 'mixer' | 'config' | 'dModel'> & { readonly test: TestFunction },
): void {
  for (const law of mixerLaws({ ...options, mixer, config, dModel }))
    test(`${mixer.name}: ${law.name}`, () => law.run());
}
