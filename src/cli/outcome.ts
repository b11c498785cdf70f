/** What a command found or did, as values; printed in one place, in the form that was asked for. */
export interface Outcome {
  /** For `--json`: one document. */
  readonly document: unknown
  /** For people: what happened first, then where to look. Without a last newline. */
  readonly text: string
  /** For `--quiet`: only what was asked for (names, ids); nothing if the command was to do something. */
  readonly brief?: string
  /** What was found or done is not all good: exit status 1. */
  readonly failed?: boolean
}

export function printOutcome(outcome: Outcome, mode: { json: boolean; quiet: boolean }): void {
  const text = mode.json ? JSON.stringify(outcome.document, null, 2) : mode.quiet ? outcome.brief : outcome.text
  if (outcome.failed === true) process.exitCode = 1
  if (text !== undefined && text !== '') process.stdout.write(text.endsWith('\n') ? text : `${text}\n`)
}
