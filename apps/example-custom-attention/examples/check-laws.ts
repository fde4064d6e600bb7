// Puts every law of the contract to the mixer, without a test runner.
import { mixerLaws } from '@tessera/plugin-testing';
import { successorMemory } from '../src/successor-memory.ts';

const laws = mixerLaws({ mixer: successorMemory, config: { heads: 2, headDim: 3 }, dModel: 12, segments: false });
for (const law of laws) {
  await law.run(); // rejects with a LawError that says which law, in which row, at which position, by how much
  console.log(`holds: ${law.name}`);
}
