/** A view of the page that is open. */
export interface OpenedView {
  /** Whether it can be left; asks the person where something would be lost. */
  mayLeave(): boolean | Promise<boolean>;
  /** Ends its work and frees all that it took. */
  close(): void;
}
