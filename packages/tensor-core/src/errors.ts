/** Facts that an error carries beside its sentence. Plain values, so that an error can be logged as JSON. */
export type ErrorFacts = Readonly<Record<string, unknown>>;

const errorMark = Symbol.for('tessera/error');

/** Options of every Tessera error: the usual `cause`, and the facts of the case. */
export interface TesseraErrorOptions extends ErrorOptions {
  /** Where, expected, actual… as plain values. */
  readonly facts?: ErrorFacts;
}

/**
 * Base of all errors that Tessera throws on purpose. The message says where, what was expected, what came, and the mend;
 * `code` is stable, `facts` holds the same as fields.
 */
export class TesseraError extends Error {
  /** Stable identifier of the cause, for example `SHAPE`. */
  readonly code: string;
  /** The facts of the case as plain values. */
  readonly facts: ErrorFacts;

  constructor(code: string, message: string, options: TesseraErrorOptions = {}) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
    this.facts = options.facts ?? {};
    Object.defineProperty(this, errorMark, { value: true });
  }
}

/** True for errors of Tessera, also those of another copy of the package. */
export function isTesseraError(value: unknown): value is TesseraError {
  return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[errorMark] === true;
}

/** Shapes or dtypes do not fit each other. Code `SHAPE`. */
export class ShapeError extends TesseraError {
  constructor(message: string, options?: TesseraErrorOptions) {
    super('SHAPE', message, options);
  }
}

/** An option that is unknown, or known and not honoured here. Code `UNSUPPORTED_OPTION`. */
export class UnsupportedOptionError extends TesseraError {
  constructor(message: string, options?: TesseraErrorOptions) {
    super('UNSUPPORTED_OPTION', message, options);
  }
}

/** A published architecture, or a field of its configuration, that is not understood. Code `UNSUPPORTED_ARCHITECTURE`. */
export class UnsupportedArchitectureError extends TesseraError {
  constructor(message: string, options?: TesseraErrorOptions) {
    super('UNSUPPORTED_ARCHITECTURE', message, options);
  }
}

/** A file of a model is missing, malformed or inconsistent. Code `MODEL_FORMAT`. */
export class ModelFormatError extends TesseraError {
  constructor(message: string, options?: TesseraErrorOptions) {
    super('MODEL_FORMAT', message, options);
  }
}

/** Bytes do not have the hash that they should have. Code `INTEGRITY`. */
export class IntegrityError extends TesseraError {
  constructor(message: string, options?: TesseraErrorOptions) {
    super('INTEGRITY', message, options);
  }
}

/** A download failed. Code `DOWNLOAD`. */
export class DownloadError extends TesseraError {
  constructor(message: string, options?: TesseraErrorOptions) {
    super('DOWNLOAD', message, options);
  }
}

/** The device was lost. Code `DEVICE_LOST`. */
export class DeviceLostError extends TesseraError {
  constructor(message: string, options?: TesseraErrorOptions) {
    super('DEVICE_LOST', message, options);
  }
}

/** Memory does not suffice; the message has the numbers. Code `OUT_OF_MEMORY`. */
export class OutOfMemoryError extends TesseraError {
  constructor(message: string, options?: TesseraErrorOptions) {
    super('OUT_OF_MEMORY', message, options);
  }
}

/** Prompt and new tokens do not fit the context. Code `CONTEXT_OVERFLOW`. */
export class ContextOverflowError extends TesseraError {
  constructor(message: string, options?: TesseraErrorOptions) {
    super('CONTEXT_OVERFLOW', message, options);
  }
}

/** Something that the device, the platform or the model cannot do. Code `FEATURE_UNAVAILABLE`. */
export class FeatureUnavailableError extends TesseraError {
  constructor(message: string, options?: TesseraErrorOptions) {
    super('FEATURE_UNAVAILABLE', message, options);
  }
}

/** NaN or infinity where a number must be. Code `NUMERICAL`. */
export class NumericalError extends TesseraError {
  constructor(message: string, options?: TesseraErrorOptions) {
    super('NUMERICAL', message, options);
  }
}

/** A plugin that breaks the contract, is missing, or is registered twice. Code `PLUGIN`. */
export class PluginError extends TesseraError {
  constructor(message: string, options?: TesseraErrorOptions) {
    super('PLUGIN', message, options);
  }
}

/** A model spec, a config of a layer, or another description that does not fit its schema; the message names the path. Code `INVALID_SPEC`. */
export class InvalidSpecError extends TesseraError {
  constructor(message: string, options?: TesseraErrorOptions) {
    super('INVALID_SPEC', message, options);
  }
}
