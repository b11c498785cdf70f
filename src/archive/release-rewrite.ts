/** A Release with other digests for some of its indexes: the same members and texts, issued again. */
import { formatDate } from './release.ts'

export interface ReplacedIndex {
  readonly sha256: string
  readonly sizeBytes: number
}

/**
 * The text of a Release with the given date, in which the indexes at these paths have other digests, or are not listed. It
 * stays valid for as long after its date as before.
 */
export function rewriteRelease(
  text: string,
  replaced: ReadonlyMap<string, ReplacedIndex | undefined>,
  dateSeconds: number,
): string {
  const start = text.indexOf('\nSHA256:\n') + '\nSHA256:\n'.length
  const list = text
    .slice(start)
    .split('\n')
    .flatMap((line) => {
      const [, path = ''] = /^ [0-9a-f]{64} +\d+ (\S+)$/.exec(line) ?? []
      const index = replaced.get(path)
      if (!replaced.has(path)) return [line]
      return index === undefined ? [] : [` ${index.sha256} ${String(index.sizeBytes).padStart(8)} ${path}`]
    })
  return redated(text.slice(0, start), dateSeconds) + list.join('\n')
}

function redated(head: string, dateSeconds: number): string {
  const before = secondsOf(head, 'Date')
  const validUntil = secondsOf(head, 'Valid-Until')
  const dated = head.replace(/^Date: .*$/m, () => `Date: ${formatDate(dateSeconds)}`)
  if (before === undefined || validUntil === undefined) return dated
  return dated.replace(/^Valid-Until: .*$/m, () => `Valid-Until: ${formatDate(dateSeconds + validUntil - before)}`)
}

function secondsOf(head: string, field: string): number | undefined {
  const [, date] = new RegExp(`^${field}: (.*)$`, 'm').exec(head) ?? []
  return date === undefined ? undefined : Date.parse(date) / 1000
}
