import { decodingOf, runStep, validate } from '@tessera/plugin';
import { checkShape, isTesseraError } from '@tessera/tensor-core';
import { drawParameter } from '../bench/draw-parameters.ts';
import type { Session } from '../bench/session.ts';
import { decodes } from './law-source.ts';
import type { LawSource } from './law-source.ts';

/** Laws of what a mixer says about itself. */
export const declarationLaws: readonly LawSource[] = [
  {
    name: 'the settings survive JSON, with defaults and without',
    check(session) {
      const { mixer, options, site } = session.subject;
      if (mixer.contract !== 'sequence-mixer/1')
        session.fail(`its contract is '${String(mixer.contract)}', expected 'sequence-mixer/1'`);
      if (!/^[^:]+:[^:]+$/.test(mixer.name)) session.fail(`its name is not of the form 'npm-package:mixer'`);
      const expected = JSON.stringify(site.config);
      for (const written of [options.config, site.config]) {
        const again = validate<object>(mixer.config, JSON.parse(JSON.stringify(written)), mixer.name);
        if (JSON.stringify(again) !== expected)
          session.fail(`the settings are ${expected}, and ${JSON.stringify(again)} after JSON`);
      }
    },
  },
  {
    name: 'learned tensors are declared the same each time and start finite',
    check(session) {
      const { specs, seed } = session.subject;
      if (JSON.stringify(specs) !== JSON.stringify(session.subject.specs))
        session.fail('params() differs from call to call');
      for (const [name, spec] of Object.entries(specs)) {
        if (spec === undefined) session.fail(`params() has the key '${name}' without a spec; leave the key out`);
        checkShape(spec.shape, `${session.subject.mixer.name}: ${name}`);
        const drawn = drawParameter(name, spec, seed);
        const wrong = drawn.findIndex((value) => !Number.isFinite(value));
        if (wrong >= 0) session.fail(`element ${wrong} of ${name} starts as ${drawn[wrong]}`);
        const size = spec.shape.reduce((product, extent) => product * extent, 1);
        if (drawn.length !== size)
          session.fail(`the initialiser of ${name} gives ${drawn.length} numbers, not ${size}`);
      }
    },
  },
  {
    name: 'without decoding it says so by its name',
    applies: (subject) => !decodes(subject),
    check(session) {
      const { mixer } = session.subject;
      for (const ask of [() => decodingOf(mixer), () => runStep(mixer, {} as never)]) {
        const message = messageOf(ask);
        if (message === undefined) return session.fail('a step was run');
        if (!message.includes(mixer.name)) session.fail(`the error '${message}' does not name it`);
      }
    },
  },
  {
    name: 'packed documents are refused',
    applies: ({ options }) => options.segments === false,
    check: refusesSegments,
  },
];

async function refusesSegments(session: Session): Promise<void> {
  const tokens = session.subject.tokens('refused', 4);
  let refusal: unknown;
  try {
    await session.forward([{ tokens, segments: [0, 0, 1, 1] }]);
  } catch (error) {
    refusal = error;
  }
  if (refusal === undefined)
    session.fail('forward took `segments`, though the mixer is said not to keep documents apart; call refuseSegments');
  if (!isTesseraError(refusal) || refusal.code !== 'FEATURE_UNAVAILABLE')
    session.fail(
      `it threw ${refusal instanceof Error ? `'${refusal.message}'` : 'no error'}, expected the FeatureUnavailableError of refuseSegments`,
    );
}

function messageOf(ask: () => unknown): string | undefined {
  try {
    ask();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
