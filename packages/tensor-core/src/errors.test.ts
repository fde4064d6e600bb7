import { expect, test } from 'vitest';
import {
  ContextOverflowError, DeviceLostError, DownloadError, FeatureUnavailableError, IntegrityError, InvalidSpecError, ModelFormatError,
  NumericalError, OutOfMemoryError, PluginError, ShapeError, TesseraError, UnsupportedArchitectureError, UnsupportedOptionError,
  isTesseraError,
} from './errors.ts'; // prettier-ignore

test('every class has its own stable code, its name, the cause and the facts', () => {
  const classes = {
    SHAPE: ShapeError, UNSUPPORTED_OPTION: UnsupportedOptionError, UNSUPPORTED_ARCHITECTURE: UnsupportedArchitectureError,
    MODEL_FORMAT: ModelFormatError, INTEGRITY: IntegrityError, DOWNLOAD: DownloadError, DEVICE_LOST: DeviceLostError,
    OUT_OF_MEMORY: OutOfMemoryError, CONTEXT_OVERFLOW: ContextOverflowError, FEATURE_UNAVAILABLE: FeatureUnavailableError,
    NUMERICAL: NumericalError, PLUGIN: PluginError, INVALID_SPEC: InvalidSpecError,
  }; // prettier-ignore
  for (const [code, Class] of Object.entries(classes)) {
    const cause = new Error('below');
    const error = new Class('what happened', { cause, facts: { step: 3 } });
    expect(error).toMatchObject({ name: Class.name, code, message: 'what happened', cause, facts: { step: 3 } });
    expect(error).toBeInstanceOf(TesseraError);
    expect(isTesseraError(error)).toBe(true);
  }
});

test('an error of another copy of the package is recognized, any other is not', () => {
  expect(isTesseraError({ [Symbol.for('tessera/error')]: true })).toBe(true);
  expect([new Error('x'), null, 'x', {}].map(isTesseraError)).toEqual([false, false, false, false]);
});
