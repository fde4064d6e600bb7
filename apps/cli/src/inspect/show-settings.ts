/** Settings on one line: `heads 8, rotary { theta 10000 }`. Long lists are only counted. */
export function showSettings(settings: unknown): string {
  if (typeof settings !== 'object' || settings === null) return '';
  return Object.entries(settings)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name} ${showValue(value)}`)
    .join(', ');
}

function showValue(value: unknown): string {
  if (Array.isArray(value))
    return value.length > 4 ? `[${value.length} values]` : `[${value.map(showValue).join(', ')}]`;
  if (typeof value === 'object' && value !== null) return `{ ${showSettings(value)} }`;
  return typeof value === 'string' ? value : JSON.stringify(value);
}
