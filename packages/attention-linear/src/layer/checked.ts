import type { FieldsSchema } from '@tessera/plugin';

/** What is wrong with a setting, beside its type and range. */
export interface SettingIssue {
  readonly setting: string;
  /** Without the setting's name: `is 3, expected …`. */
  readonly message: string;
}

/** A schema of settings that also have to fit each other; what does not is named with its path, as any wrong setting. */
export function checked<Config extends object>(
  schema: FieldsSchema<Required<Config>>,
  check: (config: Required<Config>) => SettingIssue | undefined,
): FieldsSchema<Required<Config>> {
  return {
    ...schema,
    '~standard': {
      ...schema['~standard'],
      validate(value) {
        const read = schema['~standard'].validate(value);
        if (read instanceof Promise || read.issues) return read;
        const issue = check(read.value);
        return issue ? { issues: [{ message: issue.message, path: [issue.setting] }] } : read;
      },
    },
  };
}

/**
 * Settings that nothing reads: refused unless they are at their defaults.
 * @param because - what makes it so: `convolution: 0`
 */
export function unread(
  config: object,
  because: string,
  defaults: Readonly<Record<string, unknown>>,
): SettingIssue | undefined {
  const given = config as Readonly<Record<string, unknown>>;
  const setting = Object.keys(defaults).find((key) => given[key] !== defaults[key]);
  return setting === undefined
    ? undefined
    : { setting, message: `is ${JSON.stringify(given[setting])}, and with ${because} nothing reads it; leave it out` };
}

/** Of a layer without convolutions, what belongs to them. */
export function unreadTaps(config: {
  readonly convolution: number;
  readonly convolutionBias: boolean;
}): SettingIssue | undefined {
  return config.convolution === 0 ? unread(config, 'convolution: 0', { convolutionBias: false }) : undefined;
}

/** Heads that others share: each shared one for as many of them. */
export function sharedEvenly(config: object, shared: string, sharing: string): SettingIssue | undefined {
  const { [shared]: P, [sharing]: H } = config as Record<string, number | undefined>;
  if (P === undefined || H === undefined || H % P === 0) return undefined;
  const fitting = [Math.floor(H / P), Math.ceil(H / P)].filter((factor) => factor > 0).map((factor) => factor * P);
  return {
    setting: sharing,
    message: `is ${H}, expected a multiple of ${shared} = ${P}, since each of those is shared by as many; set ${fitting.join(' or ')}`,
  };
}
