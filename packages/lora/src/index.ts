export { createLora } from './create-lora.ts';
export { loadLora, type LoadLoraOptions } from './load-lora.ts';
export type { Lora, NamedTensors, SaveLoraOptions } from './lora.ts';
export type { LoraOptions, LoraSettings } from './lora-settings.ts';
export type { Targets } from './choose-modules.ts';
