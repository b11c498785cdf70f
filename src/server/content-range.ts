import { AshlarError } from '../common/errors.ts'

/** What part of a file the body of a PUT is. */
export interface SentPart {
  readonly start: number
  /** Size of the body; undefined if it is not announced (chunked). */
  readonly length: number | undefined
  /** Size of the whole file; undefined if the request does not say it. */
  readonly total: number | undefined
}

/**
 * Reads Content-Range (`bytes 5-9/10`; RFC 9110 sections 14.4 and 14.5) and Content-Length of a PUT. Without a
 * Content-Range the body is the whole file.
 *
 * @throws AshlarError `request-invalid` if they are malformed or contradict each other
 */
export function sentPart(contentRange: string | undefined, contentLength: string | undefined): SentPart {
  const length = contentLength === undefined ? undefined : Number(contentLength)
  if (contentRange === undefined) return { start: 0, length, total: length }
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(contentRange)
  if (match === null) throw refused(`"${contentRange}" is not of the form "bytes FIRST-LAST/SIZE"`)
  const [first = 0, last = 0, total = 0] = match.slice(1).map(Number)
  if (last < first || last >= total) throw refused(`"${contentRange}" does not lie within its size`)
  const expected = last - first + 1
  if (length !== undefined && length !== expected) {
    throw refused(`"${contentRange}" is ${expected} bytes, but the body has ${length}`)
  }
  return { start: first, length: expected, total }
}

function refused(why: string): AshlarError {
  return new AshlarError('request-invalid', `The header Content-Range cannot be used: ${why}.`, {
    extra: { in: 'headers', field: '/content-range' },
  })
}
