/** What the files of an artifact may be called. */

const maximumBytes = 1024

/**
 * What is wrong with a path, as the end of a sentence, or undefined: relative, `/` between its segments, none of them
 * empty, `.` or `..`; nothing that another system reads differently.
 */
export function pathFault(path: string): string | undefined {
  if (path === '') return 'is empty'
  if (Buffer.byteLength(path) > maximumBytes) return `has more than ${maximumBytes} bytes`
  if (!path.isWellFormed()) return 'is not Unicode text'
  if (path.includes('\0')) return 'has a NUL'
  if (path.includes('\\')) return 'has a backslash'
  const segments = path.split('/')
  if (segments.includes('')) return 'begins or ends with a slash, or has two in a row'
  if (segments.some((segment) => segment === '.' || segment === '..')) return "has '.' or '..' for a segment"
  return undefined
}

/** The last segment. */
export function fileNameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
