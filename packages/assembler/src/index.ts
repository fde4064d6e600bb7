export { createAssembler } from './assembler.ts';
export type { Assembler, AssemblerOptions } from './assembler.ts';
export type { AssembleOptions } from './assemble.ts';
export type { AssemblePublishedOptions } from './assemble-published.ts';
export type { LayerSpecInput, MixerInput, ModelSpecInput } from './model-spec-input.ts';
export type { Backends, DeviceOption } from './devices.ts';
export type { LoadOptions } from './loading/load.ts';
export type { OpenOptions, OpenedCheckpoint } from './loading/open-checkpoint.ts';
export type { SaveOptions } from './saving/save.ts';
export type { OnProgress, ProgressEvent } from './progress.ts';
export { Model } from './model/model.ts';
export type { ForwardResult, ModelParts, ModelText, Origin, ReloadOptions, Residence } from './model/model.ts';
export { LanguageModelGraph } from './model/language-model.ts';
export type { DraftedSteps, ModelParams, ModelState, StepBatch, TokenBatch } from './model/language-model.ts';
export type { ChainRounds, ChainRow, HiddenDraft, Proposal, RoundOfRow, StartedRound } from './model/chain-rounds.ts';
export { Choices } from './model/choices.ts';
export type { ChoicesCall } from './model/choices.ts';
export { Session } from './model/session.ts';
export type { ChainDraft, ChainRoundsOptions } from './model/session.ts';
export type { FeedOptions, TokenRows } from './model/session-state.ts';
export type { HeldProgram } from './model/program-cache.ts';
export { StepPrograms } from './model/step-programs.ts';
export type { CommitForm, DraftForm, LogitsOf, ProgramParts, SessionSize, StepForm } from './model/step-programs.ts';
export { initialWeights } from './model/initial-weights.ts';
export { estimateMemory, longestStep } from './model/estimate.ts';
export type { MemoryEstimate } from './model/estimate.ts';
export type { KeptDtype, WeightDtype } from './model/weight-dtype.ts';
export type {
  ChosenTokenLogprob,
  GenerateOptions,
  GenerateResult,
  Speculation,
  StreamEvent,
  TokenLogprob,
} from './generation/options.ts';
export type {
  DraftCounts,
  NextToken,
  TokenDecoder,
  TokenDecoderCall,
  TokenSource,
  TokenSourceCall,
} from './generation/next-token.ts';
export type { GenerationRequest } from './generation/request.ts';
export type { Prompt } from './generation/prompt.ts';
export { capabilityTable } from './capability-table.ts';
export type { MixerCapabilities } from './capability-table.ts';
export { capacityFor } from './generation/capacity.ts';
export { pause } from './pause.ts';
export { Registry } from './registry.ts';
export { resolveSpec } from './stack/resolve.ts';
export { bindCachePolicy } from './stack/bind-cache-policy.ts';
export type { BoundModel } from './stack/bind-cache-policy.ts';
export type { Resolved, ResolvedLayer, ResolvedModel } from './stack/resolve.ts';
export { stackMixer } from './stack/stack-mixer.ts';
export type { StackState } from './stack/stack-mixer.ts';
export type { StackParams } from './stack/stack-params.ts';
