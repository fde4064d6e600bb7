import type { ConfigReader } from './config-reader.ts';

/** Published names of activations to ours. `prelu` and `xielu` learn parameters and are not among them. */
const activations: ReadonlyMap<string, string> = new Map([
  ['silu', 'silu'],
  ['swish', 'silu'],
  ['gelu', 'gelu'],
  ['gelu_python', 'gelu'],
  ['gelu_new', 'gelu-tanh'],
  ['gelu_pytorch_tanh', 'gelu-tanh'],
  ['gelu_python_tanh', 'gelu-tanh'],
  ['gelu_accurate', 'gelu-tanh'],
  // Its constant is rounded at the tenth digit.
  ['gelu_fast', 'gelu-tanh'],
  ['gelu_10', 'gelu-10'],
  ['quick_gelu', 'quick-gelu'],
  ['relu', 'relu'],
  ['relu2', 'relu2'],
  ['relu6', 'relu6'],
  ['leaky_relu', 'leaky-relu'],
  ['tanh', 'tanh'],
  ['sigmoid', 'sigmoid'],
  ['linear', 'identity'],
  ['mish', 'mish'],
  ['hardswish', 'hard-swish'],
  ['laplace', 'laplace'],
  ['sqrtsoftplus', 'sqrt-softplus'],
]);

/** Our name of the activation that a field names. */
export function readActivation(reader: ConfigReader, key: string, fallback: string): string {
  return reader.word(key, fallback, activations);
}
