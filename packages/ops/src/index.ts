export * from './linear.ts';
export * from './low-rank-update.ts';
export * from './softplus.ts';
export * from './activation.ts';
export * from './softmax.ts';
export * from './dropout.ts';
export * from './linear-cross-entropy.ts';
export * from './norm.ts';
export * from './rotary-frequencies.ts';
export * from './rotary.ts';
export * from './attention.ts';
export type { AttentionAttributes } from './attention-definition.ts';
export { attentionGradientOp } from './attention-gradient.ts';
export { latentAttention, latentAttentionOp } from './latent-attention.ts';
export type { LatentAttentionAttributes, LatentAttentionCall } from './latent-attention.ts';
export * from './ancestors.ts';
export * from './causal-convolution.ts';
export * from './unit-lower-inverse.ts';
export type {
  ChunkedAttributes,
  LinearAttentionCall,
  LinearAttentionResult,
  LinearAttentionVariant,
} from './linear-attention/linear-attention-call.ts';
export * from './linear-attention/linear-attention-recurrent.ts';
export * from './linear-attention/linear-attention-chunked.ts';
export {
  linearAttentionChunkedOp,
  linearAttentionGradientOp,
} from './linear-attention/linear-attention-chunked-ops.ts';
export * from './linear-attention/linear-attention-tree.ts';
export * from './linear-attention/delta-product.ts';
export * from './gated-feed-forward.ts';
export * from './short-convolutions.ts';
export * from './gated-rms-norm.ts';
export * from './experts/top-k.ts';
export * from './experts/group-by-expert.ts';
export * from './experts/permute-rows.ts';
export * from './experts/grouped-products.ts';
export type { GroupedLinearAttributes } from './experts/grouped-loops.ts';
export * from './experts/expert-linear.ts';
export * from './experts/gated-experts.ts';
