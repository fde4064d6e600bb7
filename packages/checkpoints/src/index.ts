export type { FileSink, ByteChunks } from './source/file-sink.ts';
export type { FileSource, RandomAccessFile, ReadOptions } from './source/file-source.ts';
export { isFileSource } from './source/file-source.ts';
export { blobSource } from './source/blob-source.ts';
export { directorySink } from './source/directory-sink.ts';
export { directorySource } from './source/directory-source.ts';
export { folderSource } from './source/folder-source.ts';
export { memorySink, type MemorySink } from './source/memory-sink.ts';
export { memorySource, type MemoryFile } from './source/memory-source.ts';
export { parseJson, type ParseJsonOptions } from './source/parse-json.ts';
export {
  readJson,
  readJsonIfPresent,
  readText,
  readTextIfPresent,
  type ReadJsonOptions,
  type ReadTextOptions,
} from './source/read-json.ts';
export { readPublishedConfig } from './source/read-published-config.ts';
export { toFileSource, type FileSourceInput } from './source/to-file-source.ts';
export { urlSource, type UrlSourceOptions } from './source/url-source.ts';
export { fromFloat32, toFloat32, type FloatDtype } from './safetensors/convert.ts';
export { dtypeBytes, isSafetensorsDtype, safetensorsDtypes, type SafetensorsDtype } from './safetensors/dtypes.ts';
export type { SafetensorsMetadata } from './safetensors/header-bytes.ts';
export { openSafetensors, type OpenSafetensorsOptions } from './safetensors/open-safetensors.ts';
export { parseSafetensorsHeader, type ParseHeaderOptions, type SafetensorsHeader } from './safetensors/parse-header.ts';
export { planShards, type PlannedShard, type ShardPlan } from './safetensors/plan-shards.ts';
export type { ReadTensorOptions, SafetensorsReader } from './safetensors/safetensors-reader.ts';
export { saveSafetensors, type LazyTensor, type SaveSafetensorsOptions } from './safetensors/save-safetensors.ts';
export type { TensorDescription, TensorEntry } from './safetensors/tensor-entry.ts';
export { writeSafetensors, type TensorBytes, type WriteSafetensorsOptions } from './safetensors/write-safetensors.ts';
export { layoutOf } from './layouts/layout-of.ts';
export { nativeLayout } from './layouts/native-layout.ts';
export { moduleLayoutOf, type ModuleLayout, type PublishedModule } from './layouts/modules/module-layout.ts';
export { huggingFace, publishedLayouts } from './layouts/published-layouts.ts';
export { readStreamingSettings, type StreamingSettings } from './layouts/families/papers/streaming-llm.ts';
export { oursNames, publishedNames } from './layouts/rule-names.ts';
export { planTensors, type PlanOptions, type TensorPlan } from './layouts/tensors/plan-tensors.ts';
export type { RawTensor, ReadRawTensor } from './layouts/tensors/raw-tensor.ts';
export { publishedShapesOf, recordOurs, recordPublished, type NamedTensors } from './layouts/tensors/recorded-rules.ts';
export { readOurs } from './layouts/tensors/read-ours.ts';
export { settleTies, type SettledTies } from './layouts/tensors/settle-ties.ts';
export { writePublished } from './layouts/tensors/write-published.ts';
