import { describeMixer } from '@tessera/plugin-testing';
import { CpuDevice } from '@tessera/tensor-core';
import { describe, test } from 'vitest';
import { Registry } from '../registry.ts';
import { softwareDevice } from '../software-device.test-data.ts';
import { families, hybridLayers, hybridSpec } from '../test-models.test-data.ts';
import { resolveSpec } from './resolve.ts';
import { stackMixer } from './stack-mixer.ts';

const { layers } = resolveSpec({ ...hybridSpec, dModel: 12, layers: hybridLayers }, new Registry(families));

describe('a hybrid of four kinds of layers on WebGPU, as one mixer', async () => {
  const devices = [await softwareDevice()];
  describeMixer(stackMixer(layers), {}, 12, { test, devices, reference: new CpuDevice() });
});
