export type { Accepted, Candidates, Uniforms } from './acceptance/accept-candidates.ts';
export { acceptCandidates } from './acceptance/accept-candidates.ts';
export type { Acceptance, AcceptanceCall } from './acceptance/accept-draft.ts';
export { acceptDraft } from './acceptance/accept-draft.ts';
export type { Draft, DrawnFrom } from './acceptance/draft.ts';
export type { TypicalAcceptanceOptions } from './acceptance/typical-acceptance.ts';
export { approximateTypicalAcceptance } from './acceptance/typical-acceptance.ts';
