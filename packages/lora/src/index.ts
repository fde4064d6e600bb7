export { createLora } from './create-lora.ts';
export { loadLora, type LoadLoraOptions } from './load-lora.ts';
export { Lora, type LoraParts, type NamedTensors, type SaveLoraOptions } from './lora.ts';
export type { LoraOptions, LoraSettings } from './lora-settings.ts';
export type { Targets } from './choose-modules.ts';
