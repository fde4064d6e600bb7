import type { Model } from '@tessera/assembler';
import type { FileSource, FileSourceInput, SafetensorsReader } from '@tessera/checkpoints';
import { openSafetensors, toFileSource, toFloat32 } from '@tessera/checkpoints';
import type { Tensor } from '@tessera/tensor-core';
import { ModelFormatError, disposeTree, sameShape, showShape } from '@tessera/tensor-core';
import { chooseModules } from './choose-modules.ts';
import type { LinearModule, ModuleList } from './linear-modules.ts';
import { linearModules } from './linear-modules.ts';
import { Lora, tensorName } from './lora.ts';
import { sizeOfChange } from './lora-settings.ts';
import { adapterFile, keyPrefix } from './peft/file-names.ts';
import type { AdapterConfig } from './peft/read-config.ts';
import { readConfig } from './peft/read-config.ts';

/** How an adapter is loaded. */
export interface LoadLoraOptions {
  /** Rejects with `signal.reason`, and frees what was allocated. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Loads an adapter that PEFT or {@link Lora.save} wrote onto the model that it was trained on. What it has is used or refused,
 * never left out. `lora_dropout` belongs to training with PEFT: it changes nothing here, and a training goes on without it.
 * @param source - a directory (Node), a URL, or files, with `adapter_config.json` and `adapter_model.safetensors`
 * @throws {@link UnsupportedOptionError} naming a field of its config that is not honoured, or a target that the model lacks
 * @throws {@link ModelFormatError} naming a tensor that is missing, left over, or of the wrong shape
 */
export async function loadLora(model: Model, source: FileSourceInput, { signal }: LoadLoraOptions = {}): Promise<Lora> {
  const files = await toFileSource(source);
  const config = await readConfig(files, signal);
  const reader = await openAdapter(files, signal);
  try {
    const modules = linearModules(model);
    const found = modulesOf(reader, modules);
    checkTargets(found, modules, config);
    const tensors: Record<string, Tensor> = {};
    try {
      for (const { module, keys } of found) {
        const { rank } = sizeOfChange(config.settings, module.name);
        for (const [factor, key] of Object.entries(keys) as ['A' | 'B', string][]) {
          const shape = factor === 'A' ? [rank, module.inputs] : [module.outputs, rank];
          const entry = reader.tensors.get(key)!;
          if (!sameShape(entry.shape, shape))
            throw wrong(
              `${key} has shape ${showShape(entry.shape)}, expected ${factor === 'A' ? '[rank, in]' : '[out, rank]'} = ${showShape(shape)}. Take the model that the adapter was trained on`,
              { tensor: key, actual: entry.shape, expected: shape },
            );
          if (!['F32', 'F16', 'BF16', 'F64'].includes(entry.dtype))
            throw wrong(`${key} is ${entry.dtype}, expected floats`, { tensor: key, dtype: entry.dtype });
          const values = Float32Array.from(toFloat32(await reader.read(key, { signal }), entry.dtype));
          tensors[tensorName(module.name, factor)] = model.device.upload(values, { shape, dtype: 'f32' });
        }
      }
      const chosen = found.map(({ module }) => module);
      return new Lora({ model, modules, chosen, settings: config.settings, tensors });
    } catch (error) {
      disposeTree(tensors);
      throw error;
    }
  } finally {
    await reader.close();
  }
}

interface Found {
  readonly module: LinearModule;
  /** Names of A and B in the file. */
  readonly keys: { readonly A: string; readonly B: string };
}

async function openAdapter(files: FileSource, signal: AbortSignal | undefined): Promise<SafetensorsReader> {
  const file = await files.open(adapterFile, { signal });
  await file?.close?.();
  if (file) return openSafetensors(files, { file: adapterFile, signal });
  throw new ModelFormatError(
    `${files.name}: there is no ${adapterFile}, expected the tensors of an adapter. Save it with safetensors: files that are pickled are not read.`,
    { facts: { source: files.name, missing: adapterFile } },
  );
}

/** The modules that the file has tensors for, in the order of the model. */
function modulesOf(reader: SafetensorsReader, { linear, names }: ModuleList): Found[] {
  const keys = new Map<LinearModule, { A?: string; B?: string }>();
  for (const key of reader.tensors.keys()) {
    const [, name, factor] = /^(.+)\.lora_([AB])\.weight$/.exec(key.replace(keyPrefix, '')) ?? [];
    if (!key.startsWith(keyPrefix) || name === undefined)
      throw wrong(
        `${key} is no A or B of a linear map, expected ${keyPrefix}….lora_A.weight and ….lora_B.weight alone. Merge the adapter with PEFT, and load the merged model`,
        { tensor: key },
      );
    const module = linear.find((each) => each.name === name) ?? onlyAlike(linear, name);
    if (!module)
      throw wrong(
        `${key} changes ${name}, which is ${names.has(name) ? 'no linear map of' : 'not in'} this model. Take the model that the adapter was trained on`,
        { tensor: key, module: name },
      );
    const known = keys.get(module) ?? {};
    if (known[factor as 'A' | 'B'] !== undefined)
      throw wrong(`${key} and ${known[factor as 'A' | 'B']} change one module, expected one of them`, { tensor: key });
    keys.set(module, { ...known, [factor!]: key });
  }
  return linear.flatMap((module) => {
    const { A, B } = keys.get(module) ?? {};
    if (A !== undefined && B !== undefined) return [{ module, keys: { A, B } }];
    if (A === undefined && B === undefined) return [];
    throw wrong(`${A ?? B} has no partner, expected lora_A and lora_B of each module. Take the file as it was saved`, {
      tensor: A ?? B,
    });
  });
}

/** Wrappers name what is around the layers in different ways: a module that alone has the name without them is the one. */
function onlyAlike(linear: readonly LinearModule[], name: string): LinearModule | undefined {
  const inside = (whole: string): string => whole.replace(/^(?:(?:model|language_model|transformer)\.)+/, '');
  const alike = linear.filter((each) => inside(each.name) === inside(name));
  return alike.length === 1 ? alike[0] : undefined;
}

/** The file and the config have to mean the same modules. */
function checkTargets(found: readonly Found[], modules: ModuleList, { targets, narrowed }: AdapterConfig): void {
  const named = new Set(chooseModules(modules, targets, 'adapter_config.json: target_modules'));
  const present = new Set(found.map(({ module }) => module));
  const extra = found.find(({ module }) => !named.has(module));
  if (extra)
    throw wrong(
      `${extra.keys.A} changes a module that target_modules of the config does not name. Take the config that was saved with it`,
      {
        tensor: extra.keys.A,
      },
    );
  const missing = narrowed ? undefined : [...named].find((module) => !present.has(module));
  if (missing)
    throw wrong(
      `there are no tensors for ${missing.name}, which target_modules of the config names. Take the file that was saved with it`,
      {
        module: missing.name,
      },
    );
}

function wrong(what: string, facts: Record<string, unknown>): ModelFormatError {
  return new ModelFormatError(`${adapterFile}: ${what}.`, { facts });
}
