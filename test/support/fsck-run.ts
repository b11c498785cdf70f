/** One check, from its start to its end. */
import { readFile, writeFile } from 'node:fs/promises'
import type { Finding, FsckEvent, FsckOptions, FsckSummary, Maintenance } from '../../src/maintenance/maintenance.ts'

export interface FsckRun {
  readonly events: readonly FsckEvent[]
  readonly findings: readonly Finding[]
  /** `severity outcome store` of each finding. */
  readonly lines: readonly string[]
  readonly summary: FsckSummary
}

export async function fsck(maintenance: Maintenance, options: FsckOptions = {}): Promise<FsckRun> {
  const events = await Array.fromAsync(maintenance.fsck(options))
  const last = events.at(-1)
  if (last?.kind !== 'end') throw new Error('The check did not tell its end')
  const findings = events.flatMap((event) => (event.kind === 'finding' ? [event.finding] : []))
  const lines = findings.map(({ severity, outcome, store }) => [severity, outcome, store].filter(Boolean).join(' '))
  return { events, findings, lines, summary: last.summary }
}

/** Changes one bit of a stored file; its size stays. */
export async function flipBit(path: string): Promise<void> {
  const bytes = await readFile(path)
  bytes[0] = (bytes[0] ?? 0) ^ 1
  await writeFile(path, bytes)
}
