import type { DemoModel } from '../../demo-models.ts';

/** Written by the build, from the folders of models beside the page. */
declare const DEMO_MODELS: readonly DemoModel[];

/** The models that come with the page. */
export function demoModels(): readonly DemoModel[] {
  return DEMO_MODELS;
}
