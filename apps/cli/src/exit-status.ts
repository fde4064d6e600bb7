/** How the process ends. */
export const exitStatus = {
  success: 0,
  /** The command failed, or a check did not pass. */
  failure: 1,
  /** The command line was not understood. */
  usage: 2,
  /** Ctrl-C: 128 + SIGINT. */
  interrupted: 130,
} as const;

/** Ends a command whose report has already been written. */
export class ReportedFailure extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ReportedFailure';
  }
}
