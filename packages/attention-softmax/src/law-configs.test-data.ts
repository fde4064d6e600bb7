import type { AttentionConfig } from './attention-config.ts';

/** Settings of attention that the laws are put to. */
export const configs: readonly [string, AttentionConfig][] = [
  ['multi-head', { heads: 3 }],
  [
    'grouped, norm of each head, rotary',
    { heads: 4, kvHeads: 2, headDim: 4, qkNorm: { over: 'head' }, rotary: { theta: 100 } },
  ],
  [
    'multi-query, norm of all heads, biases',
    { heads: 4, kvHeads: 1, headDim: 4, qkNorm: { over: 'full', offset: 1 }, qkvBias: true, outputBias: true },
  ],
  ['a window of 5, rotary', { heads: 2, kvHeads: 1, window: 5, rotary: {} }],
  ['a window of 1', { heads: 2, window: 1 }],
  ['interleaved rotary of a part', { heads: 2, rotary: { dims: 4, order: 'interleaved', attentionFactor: 1.2 } }],
  ['an output gate with a bias', { heads: 4, kvHeads: 2, headDim: 4, outputGate: true, qkvBias: true }],
  [
    'learned logits of sinks, a window of 5',
    { heads: 4, kvHeads: 2, headDim: 4, sinkLogits: 'learned', window: 5, rotary: {} },
  ],
  ['softmax off by one', { heads: 2, sinkLogits: 'zero' }],
  ['capped scores', { heads: 2, softCap: 2, scale: 0.5 }],
];
