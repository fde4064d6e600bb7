import {
  accountingTable,
  groupedLatentAttention,
  groupedTiedAttention,
  multiHeadLatentAttention,
} from '@tessera/attention-latent';
import type { Memory, MixerUse } from '@tessera/plugin';
import { decodingOf, validate } from '@tessera/plugin';

/** Mixers with their settings, for a list of layers. */
export function configure(): readonly MixerUse[] {
  // #region configure
  const rotary = { theta: 10_000 };
  const mla = multiHeadLatentAttention({ heads: 16, headDim: 64, latentDim: 256, rotaryDim: 32, rotary });
  const gla = groupedLatentAttention({ heads: 16, headDim: 64, latentHeads: 2, latentDim: 128, rotaryDim: 32, rotary });
  const gta = groupedTiedAttention({ heads: 16, kvHeads: 4, headDim: 64, rotaryDim: 32, rotary });
  // #endregion configure
  return [mla, gla, gta];
}

/** Memory of MLA that may read so many positions. */
export function memoryOf(capacity: number): Memory {
  // #region memory
  const config = validate(multiHeadLatentAttention.config, { heads: 16, headDim: 64, pageSize: 64 }, 'config');
  const site = { config, dModel: 1024, layer: 0, layers: 1 };
  const memory = decodingOf(multiHeadLatentAttention).memory({ ...site, batch: 1, capacity, chunk: 1 });
  // 4 · (256 + 32) bytes of every slot, and what says where and when it is
  // #endregion memory
  return memory;
}

/** What each attention keeps of a token, as lines of a table. */
export function table(): readonly string[] {
  // #region table
  const rows = accountingTable({ heads: 32, headDim: 128, kvHeads: 8, ranks: [1, 2, 4, 8] });
  const lines = rows.map(({ shape, perRank, intensity }) => `${shape.name}: ${perRank.join(', ')}; ${intensity}`);
  // MLA: 4.5, 4.5, 4.5, 4.5; 64
  // #endregion table
  return lines;
}
