import { pino } from 'pino'
import type { Logger } from 'pino'

/** The server's log, on stderr: for people on a terminal, else one JSON object a line. */
export function openLog(level: string): Logger {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime }
  if (process.stderr.isTTY) return pino(options, { write: (line) => process.stderr.write(readable(line)) })
  return pino(options, pino.destination({ dest: 2, sync: true }))
}

/** A line of the log as a sentence, with the error that belongs to it. */
function readable(line: string): string {
  const entry: unknown = JSON.parse(line)
  if (typeof entry !== 'object' || entry === null || !('msg' in entry)) return line
  const error = 'err' in entry && typeof entry.err === 'object' && entry.err !== null ? entry.err : {}
  const trace = 'stack' in error && typeof error.stack === 'string' ? `\n${error.stack}` : ''
  return `ashlar: ${String(entry.msg)}${trace}\n`
}
