/** Settings of an adapter, in its directory. */
export const configFile = 'adapter_config.json';

/** A and B of an adapter, in its directory. */
export const adapterFile = 'adapter_model.safetensors';

/** Before the name of every tensor: PEFT's wrapper around the wrapped model. */
export const keyPrefix = 'base_model.model.';
