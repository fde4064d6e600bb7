/** What a device did so far. Tests and benchmarks compare two readings. */
export interface DeviceCounters {
  /** Command buffers submitted. */
  submits: number;
  /** Dispatches encoded. */
  dispatches: number;
  /** Bind groups created. */
  bindGroups: number;
  /** Shaders compiled. */
  pipelines: number;
  /** Buffers created for tensors and programs. */
  buffers: number;
  /** Buffers created to bring values back to the host. */
  stagingBuffers: number;
  /** Tensors read back. */
  reads: number;
}

/** Counters before anything was done. */
export function zeroCounters(): DeviceCounters {
  return { submits: 0, dispatches: 0, bindGroups: 0, pipelines: 0, buffers: 0, stagingBuffers: 0, reads: 0 };
}

/** Memory that a device holds now. */
export interface HeldMemory {
  /** Buffers, those that are free to be used again included. */
  buffers: number;
  /** Their bytes. */
  bytes: number;
}
