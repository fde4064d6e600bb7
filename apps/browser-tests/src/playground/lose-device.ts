import type { PlaygroundPage } from './playground-page.ts';

/** Brings whatever device the worker of a page gives a command to within reach of {@link loseDevice}. */
export async function exposeDevice({ page }: PlaygroundPage): Promise<void> {
  await page.workers()[0]!.evaluate(() => {
    const { createCommandEncoder } = GPUDevice.prototype;
    GPUDevice.prototype.createCommandEncoder = function (...descriptor) {
      Object.assign(globalThis, { device: this });
      return createCommandEncoder.apply(this, descriptor);
    };
  });
}

/** Destroys the device of the model, as a crash of its driver would. */
export async function loseDevice({ page }: PlaygroundPage): Promise<void> {
  await page.workers()[0]!.evaluate(() => (globalThis as unknown as { device: GPUDevice }).device.destroy());
}
