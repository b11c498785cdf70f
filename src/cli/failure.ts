import { AshlarError } from '../common/errors.ts'

/**
 * Tells the user why the command failed: on stderr what and, on the next line, what to do; with `--json` an object on
 * stdout. Returns the exit status: 2 if the command was not understood, else 1.
 */
export function reportFailure(error: unknown, options: { json: boolean }): 1 | 2 {
  const { code, detail, advice } = describe(error)
  if (options.json) process.stdout.write(`${JSON.stringify({ error: { code, detail, advice } }, null, 2)}\n`)
  else process.stderr.write(`ashlar: ${detail}\n        ${advice}\n`)
  return code === 'usage' ? 2 : 1
}

/** What a failure is called, what went wrong, and what the reader can do. */
export function describe(error: unknown): { code: string; detail: string; advice: string } {
  if (error instanceof AshlarError) return { code: error.code, detail: error.message, advice: error.entry.advice }
  const detail = error instanceof Error ? error.message : String(error)
  if (error instanceof Error && 'syscall' in error && 'path' in error) {
    return { code: 'file-unreadable', detail, advice: new AshlarError('file-unreadable', detail).entry.advice }
  }
  // A defect: the trace is what a report needs.
  const trace = error instanceof Error && error.stack !== undefined ? error.stack : detail
  return {
    code: 'internal',
    detail,
    advice: `This is a mistake of Ashlar; please report it with this trace:\n${trace}`,
  }
}
