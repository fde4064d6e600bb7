import { contextualMemory, persistentMemory } from './index.ts';

contextualMemory({ heads: 2, valueTaps: 2, lookAhead: 0, window: 16, maxKeyScale: 3, leak: 1 });
persistentMemory({ heads: 2, slots: 8, stores: 2, keyTaps: 2, headDim: 4, bias: true, dropout: 0.1 });
// @ts-expect-error -- heads are needed
contextualMemory({});
// @ts-expect-error -- a store has a size
persistentMemory({ heads: 2 });
// @ts-expect-error -- a memory that was stored does not look ahead
persistentMemory({ heads: 2, slots: 8, lookAhead: 1 });
// @ts-expect-error -- the leak is one number, or learned
contextualMemory({ heads: 2, leak: [1, 2] });
// @ts-expect-error -- there are no queries of their own
contextualMemory({ heads: 4, kvHeads: 2 });
