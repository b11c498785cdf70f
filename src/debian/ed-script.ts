/** Scripts for ed(1) that make one text of another, as `diff --ed` writes them and apt reads them. */
import { diffLines } from './line-diff.ts'

/**
 * The commands that make `after` of `before`. They go from the end of the text to its start, so that each line number is
 * that of the old text; so the scripts of the parts of a text, the last part first, are together that of the whole.
 *
 * Undefined where ed could not express it, or apt could not read it: a text that does not end with a newline, or new
 * lines of nothing but a dot.
 *
 * @param firstLine the number of the first line of `before` in the text of which it is a part
 */
export function edScript(before: Uint8Array, after: Uint8Array, firstLine = 1): Buffer | undefined {
  const [old, fresh] = [linesOf(before), linesOf(after)]
  if (old === undefined || fresh === undefined) return undefined
  const commands: string[] = []
  for (const { at, removed, from, added } of diffLines(old, fresh).toReversed()) {
    const lines = fresh.slice(from, from + added)
    if (lines.includes('.')) return undefined
    const [first, last] = [firstLine + at, firstLine + at + removed - 1]
    const range = removed > 1 ? `${first},${last}` : `${first}`
    if (added === 0) commands.push(`${range}d\n`)
    else commands.push(`${removed === 0 ? `${last}a` : `${range}c`}\n${lines.join('\n')}\n.\n`)
  }
  return Buffer.from(commands.join(''), 'latin1')
}

/** The lines as strings of bytes, without their newlines; undefined if the last one has none. */
function linesOf(text: Uint8Array): string[] | undefined {
  if (text.length === 0) return []
  const decoded = Buffer.from(text.buffer, text.byteOffset, text.byteLength).toString('latin1')
  return decoded.endsWith('\n') ? decoded.slice(0, -1).split('\n') : undefined
}
