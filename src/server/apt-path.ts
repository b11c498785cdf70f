import { AshlarError } from '../common/errors.ts'

/**
 * What follows /apt/{scope}/{workspace}/ in a request's target, decoded once, without the query. The target may be a
 * whole URL, as one sends it to a proxy (RFC 9112 section 3.2.2).
 *
 * apt encodes `+`, `~`, space and `%` (`g%2b%2b_1.deb`). A segment that decodes to a slash, a NUL, `.`, `..` or
 * nothing names no file of ours and is refused before anything looks it up: no two targets mean the same file by a trick.
 *
 * @throws AshlarError `request-invalid` for an encoding that is broken, `not-found` for a path that cannot be
 */
export function aptPath(target: string): string {
  const path = target.replace(/^https?:\/\/[^/?#]*/i, '').split(/[?#]/, 1)[0] ?? ''
  // The router has matched `/apt/{scope}/{workspace}/`.
  const encoded = path.split('/').slice(4).join('/')
  if (!encoded.includes('%') && !/(^|\/)\.{0,2}(\/|$)/.test(encoded.replace(/\/$/, ''))) return encoded
  const segments = encoded.split('/')
  return segments.map((segment, index) => decodeSegment(segment, index === segments.length - 1)).join('/')
}

function decodeSegment(encoded: string, isLast: boolean): string {
  let segment: string
  try {
    segment = decodeURIComponent(encoded)
  } catch (cause) {
    throw new AshlarError('request-invalid', `The path segment "${encoded}" is not percent-encoded UTF-8.`, { cause })
  }
  const isTrailingSlash = segment === '' && isLast
  if (!isTrailingSlash && (/^\.{0,2}$/.test(segment) || /[/\\\0]/.test(segment))) {
    throw new AshlarError('not-found', `No file of a repository has the path segment "${encoded}".`)
  }
  return segment
}
