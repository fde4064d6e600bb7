export {
  trainTokenizer,
  type TrainedTokenizer,
  type TrainingTexts,
  type TrainTokenizerOptions,
  type TrainTokenizerProgress,
} from './train-tokenizer.ts';
