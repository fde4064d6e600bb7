// What the packages offer today. Its output is shown in the README of the repository.
import { createAssembler } from '@tessera/assembler';
import { latentAttentions } from '@tessera/attention-latent';
import { linearAttention } from '@tessera/attention-linear';
import { softmax } from '@tessera/attention-softmax';
import { memoryMosaics } from '@tessera/mixers-memory-mosaic';
import { publishedLayouts } from '@tessera/checkpoints';

const line = (cells: readonly string[]): void =>
  console.log(
    cells
      .map((cell, index) => cell.padEnd([58, 12, 18, 10][index]!))
      .join('')
      .trimEnd(),
  );
line(['mixer', 'generates', 'candidate trees', 'rollback']);
for (const { name, decoding, trees, rollback } of createAssembler({
  plugins: [softmax, linearAttention, latentAttentions, memoryMosaics],
}).capabilities())
  line([name, decoding ? 'yes' : 'no', trees, rollback]);

const modelTypes = publishedLayouts.flatMap((layout) => layout.modelTypes);
console.log(`\nmodel_type of checkpoints that load and save:`);
for (let at = 0; at < modelTypes.length; at += 7) console.log(`  ${modelTypes.slice(at, at + 7).join(', ')}`);
