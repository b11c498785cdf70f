import { Command } from 'commander'
import type { FsckEvent, FsckFinding, FsckSummary } from '../client/client.ts'
import { byteRate } from './byte-rate.ts'
import { type GlobalOptions, inSession } from './session.ts'
import { counted, sizeText } from './wording.ts'

interface Options {
  readonly deep?: true
  readonly repair?: true
  readonly rebuild?: true
  readonly store?: string
  readonly bandwidth?: number
}

/** `ashlar fsck`: the database against the stores. */
export function fsckCommand(): Command {
  return new Command('fsck')
    .description('check that the stores hold what the database says, and repair what is bad')
    .option('--deep', 're-read and re-hash every copy; an interrupted run goes on where it was')
    .option('--repair', 'replace bad and missing copies from other stores')
    .option('--rebuild', 'repair, then make lost packs of indexes again from the packages')
    .option('--store <name>', 'look into this store only')
    .option('--bandwidth <rate>', 'read at most so much per second with --deep, such as 50M', byteRate)
    .addHelpText('after', '\nExit status: 0 if no problem is left, else 1.')
    .action(async ({ bandwidth, ...options }: Options, command: Command) =>
      inSession(command, async ({ client, showsProgress }) => {
        const { json, quiet }: GlobalOptions = command.optsWithGlobals()
        const shown = new ShownCheck({ prints: json !== true && quiet !== true, showsProgress })
        const wish = { ...options, ...(bandwidth === undefined ? {} : { bytesPerSecond: bandwidth }) }
        try {
          for await (const event of client.fsck(wish)) shown.take(event)
        } finally {
          shown.end()
        }
        const { findings, failures, summary } = shown
        if (summary === undefined || summary.left > 0) process.exitCode = 1
        return { document: { findings, failures, summary }, text: summary === undefined ? '' : summaryText(summary) }
      }),
    )
}

type Failure = Omit<Extract<FsckEvent, { kind: 'failure' }>, 'kind'>

/** A check as its reader sees it: findings as they come, and how far it is. */
class ShownCheck {
  readonly findings: FsckFinding[] = []
  readonly failures: Failure[] = []
  summary: FsckSummary | undefined
  readonly #prints: boolean
  readonly #showsProgress: boolean
  #hasProgress = false

  constructor({ prints, showsProgress }: { readonly prints: boolean; readonly showsProgress: boolean }) {
    this.#prints = prints
    this.#showsProgress = showsProgress
  }

  take(event: FsckEvent): void {
    switch (event.kind) {
      case 'stage':
        return this.#progress(stageNames[event.stage])
      case 'progress':
        return this.#progress(progressText(event))
      case 'finding': {
        const { kind: _, ...finding } = event
        // What is printed as it comes need not be kept.
        if (this.#prints) this.#print(findingText(finding))
        else this.findings.push(finding)
        return
      }
      case 'failure': {
        const { kind: _, ...failure } = event
        if (this.#prints) this.#print(`${'failed'.padEnd(severityWidth)}  ${failure.subject}  ${failure.detail}`)
        else this.failures.push(failure)
        return
      }
      case 'end': {
        const { kind: _, ...summary } = event
        this.summary = summary
      }
    }
  }

  /** Removes what was shown of the progress. */
  end(): void {
    if (this.#hasProgress) process.stderr.write('\r\x1b[K')
    this.#hasProgress = false
  }

  #print(text: string): void {
    this.end()
    process.stdout.write(`${text}\n`)
  }

  #progress(text: string): void {
    if (!this.#showsProgress) return
    process.stderr.write(`\r\x1b[K${text}`)
    this.#hasProgress = true
  }
}

const stageNames: Readonly<Record<FsckFinding['stage'], string>> = {
  sums: 'Adding up what the stores hold',
  listing: 'Comparing with what the stores list',
  deep: 'Re-reading',
  files: 'Looking for what files lack',
  rebuild: 'Making lost packs again',
}

function progressText({ stage, store, part, bytes, totalBytes }: Extract<FsckEvent, { kind: 'progress' }>): string {
  const place = store === undefined ? stageNames[stage] : `${stageNames[stage]} ${store}`
  const percent = `${String(Math.floor(part * 100)).padStart(3)} %`
  if (bytes === undefined || totalBytes === undefined) return `${place} ${percent}`
  return `${place} ${percent} of ${sizeText(totalBytes)}`
}

const severityWidth = 'repaired'.length
const sizeWidth = '1023.9 KiB'.length

/** One line, and below it what goes with a file that is lost. */
function findingText({ severity, outcome, subject, store, bytes, what, touches }: FsckFinding): string {
  const word = (outcome === 'repaired' ? 'repaired' : severity).padEnd(severityWidth)
  const place = store === undefined || store === subject ? '' : `${store}: `
  const line = `${word}  ${subject}  ${sizeText(bytes).padStart(sizeWidth)}  ${place}${what}`
  return touches === undefined ? line : [line, ...touchedLines(touches)].join('\n')
}

function touchedLines({ artifacts, packages, indexes, more }: NonNullable<FsckFinding['touches']>): string[] {
  const indent = ' '.repeat(severityWidth + 2)
  const lines = [
    ...artifacts.map(({ id, workspace, path }) => `artifact ${id} of ${workspace}: ${path}`),
    ...packages.map(
      (each) =>
        `suite ${each.suite} of ${each.workspace}, ${revisions(each)}: ${each.name} ${each.version} ${each.architecture}`,
    ),
    ...indexes.map((each) => `suite ${each.suite} of ${each.workspace}, ${revisions(each)}: its indexes`),
    ...(more === true ? ['and more'] : []),
  ]
  return lines.map((line) => indent + line)
}

function revisions({ from, to }: { readonly from: number; readonly to: number | null }): string {
  return `r${from} to ${to === null ? 'today' : `r${to}`}`
}

function summaryText(summary: FsckSummary): string {
  const { checked, readFiles, readBytes, repaired, lost, unknown, left } = summary
  const looked = `Checked ${counted(checked, 'file')}`
  const read = readFiles === 0 ? '' : `, re-read ${counted(readFiles, 'copy', 'copies')} of ${sizeText(readBytes)}`
  const mended = repaired === 0 ? '' : ` ${counted(repaired, 'problem')} repaired.`
  if (left === 0) return `${looked}${read}.${mended} ${repaired === 0 ? 'All is well.' : 'No problem is left.'}`
  const parts = [
    ...(lost === 0 ? [] : [`${counted(lost, 'file')} lost`]),
    ...(unknown === 0 ? [] : [`${unknown} that could not be looked at`]),
  ]
  const which = parts.length === 0 ? '' : ` (${parts.join(', ')})`
  return `${looked}${read}.${mended} ${counted(left, 'problem')} left${which}.`
}
