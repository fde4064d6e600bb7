/** Something that has to hold on a device. */
export interface Check {
  /** What is checked, and which of its properties: the name of a test. */
  readonly name: string;
  /** Rejects when it does not hold. */
  run(): Promise<void>;
}
