/** What a `Content-Range` header says; `*` is left out. */
export interface ContentRange {
  readonly start?: number;
  readonly end?: number;
  readonly total?: number;
}

/** Reads `Content-Range: bytes 0-9/100`, `bytes 0-9/*` or `bytes *\/100`; `undefined` when absent, hidden or malformed. */
export function contentRange(response: Response): ContentRange | undefined {
  const match = /^bytes (?:(\d{1,15})-(\d{1,15})|\*)\/(?:(\d{1,15})|\*)$/i.exec(
    response.headers.get('Content-Range')?.trim() ?? '',
  );
  if (match === null) return undefined;
  const [, start, end, total] = match;
  return {
    ...(start !== undefined && { start: Number(start), end: Number(end) }),
    ...(total !== undefined && { total: Number(total) }),
  };
}

/** The length that a `HEAD` answer tells, where it counts the file's own bytes. */
export function identityLength(response: Response): number | undefined {
  const encoding = response.headers.get('Content-Encoding');
  if (encoding !== null && encoding !== 'identity') return undefined;
  const range = contentRange(response);
  if (range !== undefined) return range.total;
  const length = response.headers.get('Content-Length') ?? '';
  return /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}

/** The entity tag, where it promises equal bytes. */
export function strongTag(response: Response): string | undefined {
  const tag = response.headers.get('ETag');
  return tag?.startsWith('"') ? tag : undefined;
}
