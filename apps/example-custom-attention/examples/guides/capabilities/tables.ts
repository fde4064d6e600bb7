// The tables of docs/guides/capabilities.md, from what the mixers declare and record.
import { createAssembler } from '@tessera/assembler';
import { latentAttentions } from '@tessera/attention-latent';
import { linearAttention } from '@tessera/attention-linear';
import { softmax } from '@tessera/attention-softmax';
import { memoryMosaics } from '@tessera/mixers-memory-mosaic';
import type { AnyMixer, MixerUse, Site } from '@tessera/plugin';
import { validate } from '@tessera/plugin';
import { layoutsOfMixers } from './layouts-of-mixers.ts';
import { markdownTable } from './markdown-table.ts';
import { numbersOf } from './numbers-of.ts';
import { recordedOps } from './recorded-ops.ts';
import type { SampleUse } from './sample-uses.ts';
import { sampleUses, sampleWidth } from './sample-uses.ts';

const declared = createAssembler({
  plugins: [softmax, linearAttention, latentAttentions, memoryMosaics],
}).capabilities();
const layouts = layoutsOfMixers();

function siteOf({ mixer, config }: MixerUse): Site<object> {
  return { config: validate<object>(mixer.config, config, mixer.name), dModel: sampleWidth, layer: 0, layers: 1 };
}

function settingsOf({ config }: AnyMixer): readonly string[] {
  const schema = config as { readonly jsonSchema?: { readonly properties?: object } };
  return Object.keys(schema.jsonSchema?.properties ?? {});
}

/** Growth of the state, with other settings if they are given. */
function growthOf({ mixer, config }: MixerUse, more: object = {}): string {
  const site = siteOf({ mixer, config: { ...(config as object), ...more } });
  return mixer.decoding!.memory({ ...site, batch: 1, capacity: 100, chunk: 1 }).growth;
}

/** By what it runs without end in bounded memory. */
function streams(use: MixerUse): string {
  const { mixer } = use;
  if (!mixer.decoding) return '–';
  if (growthOf(use) !== 'linear') return 'yes';
  const window = settingsOf(mixer).includes('window') && growthOf(use, { window: 8 }) === 'bounded';
  const ways = [...(window ? ['`window`'] : []), ...(mixer.decoding.followsPolicy ? ['cache policy'] : [])];
  return ways.join(', ') || 'no';
}

function checkedFormula({ use, numbers, symbols }: SampleUse): string {
  for (const capacity of [100, 1000]) {
    const { bytes } = use.mixer.decoding!.memory({ ...siteOf(use), batch: 1, capacity, chunk: 1 });
    const said = 4 * numbersOf(numbers, { ...symbols, L: capacity });
    if (said !== bytes) throw new Error(`${use.mixer.name}: ${numbers} makes ${said} bytes, its state has ${bytes}.`);
  }
  return numbers;
}

const shortName = (name: string): string => `\`${name.split(':')[1]!}\``;
const code = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ');
/** Ops with a kernel of their own. What has none is composed of ops that all share. */
const withKernel = (names: readonly string[]): string =>
  code(names.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1))) || 'composed';

const samples = declared.map((row) => {
  const sample = sampleUses.find(({ use }) => use.mixer.name === row.name);
  if (!sample) throw new Error(`${row.name}: sample-uses.ts has no use of it.`);
  return { row, sample, use: sample.use, recorded: recordedOps(sample.use.mixer, siteOf(sample.use)) };
});

const abilities = samples.map(({ row, use, recorded }) => [
  shortName(row.name),
  row.decoding ? 'yes' : 'no',
  !row.decoding ? '–' : recorded.atOnce ? 'at once' : 'one by one',
  row.trees === 'none' ? '–' : row.trees,
  row.rollback === 'none' ? '–' : row.rollback,
  recorded.packed ? 'yes' : 'refused',
  settingsOf(use.mixer).includes('pageSize') ? '`pageSize`' : '–',
  streams(use),
]);
const states = samples
  .filter(({ row }) => row.decoding)
  .map(({ row, sample }) => [shortName(row.name), growthOf(sample.use), checkedFormula(sample)]);
const kernels = samples.map(({ row, recorded }) => [
  shortName(row.name),
  withKernel(recorded.forward),
  row.decoding ? withKernel(recorded.step) : '–',
  recorded.gradient.some((name) => name.endsWith('-gradient*')) ? 'fused' : 'derived',
]);
const published = samples.map(({ row }) => [shortName(row.name), code(layouts.get(row.name) ?? []) || '–']);

console.log(`## What each does

${markdownTable(['mixer', 'decodes', 'many positions', 'trees', 'rollback', 'packed documents', 'pages', 'without end'], abilities)}

## What each remembers

${markdownTable(['mixer', 'growth', 'numbers of a sequence, four bytes each'], states)}

## What runs

${markdownTable(['mixer', 'whole sequences', 'a step of one', 'gradient'], kernels)}

## Which published models have it

${markdownTable(['mixer', '`model_type`'], published)}`);
