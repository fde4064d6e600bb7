/** What is known of a step. */
export interface TrainingEvent {
  /** Steps done so far, this one included. */
  readonly step: number;
  /** Mean of −ln p of the next token over the step's batches, before its update, in nats. */
  readonly loss: number;
  /** Global norm of the gradient, before clipping. */
  readonly gradientNorm: number;
  /** Of the step, after the schedule. */
  readonly learningRate: number;
  /** Tokens predicted so far, those of earlier runs included. */
  readonly tokens: number;
  /** Since the event before, or since this call began. */
  readonly tokensPerSecond: number;
}

/** How far {@link Trainer.train} goes. */
export interface TrainCall {
  /** Steps in all, those of earlier calls included. @defaultValue until the batches end */
  readonly until?: number | undefined;
  /** Ends after the steps under way, with `signal.reason`. Their events come first; what is saved then misses none. */
  readonly signal?: AbortSignal | undefined;
  /**
   * A device that works beside the host is given the next step before an event comes. Not so after every n-th step: what is
   * saved or evaluated at its event is exactly what it left. @defaultValue never
   */
  readonly settleEvery?: number | undefined;
}

/** What a model makes of texts that it does not learn from. */
export interface Evaluation {
  /** Mean of −ln p of the next token, in nats. */
  readonly loss: number;
  /** e to the loss. */
  readonly perplexity: number;
  /** Tokens predicted. */
  readonly tokens: number;
}
