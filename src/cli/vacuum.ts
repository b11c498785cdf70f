import { Command } from 'commander'
import type { VacuumEvent, VacuumLine, VacuumStage } from '../client/client.ts'
import type { Outcome } from './outcome.ts'
import { inSession, type Session } from './session.ts'
import { table } from './table.ts'
import { counted, sizeText } from './wording.ts'

/** `ashlar vacuum`: keeping stores tidy and within policy. */
export function vacuumCommand(): Command {
  return new Command('vacuum')
    .description('tidy up: what expired, what nothing needs, and what policies of stores ask for')
    .option('--dry-run', 'show the plan, with sizes and the rule behind each line, and do nothing')
    .addHelpText(
      'after',
      '\nServers do this by themselves once a day. A copy that may go is condemned first, and deleted by a vacuum at\n' +
        'least a day later. Ctrl-C stops it at any point; the next one goes on.',
    )
    .action(async (options: { dryRun?: true }, command: Command) =>
      inSession(command, async (session) => await vacuum(session, options.dryRun === true)),
    )
}

/** Lines that are shown to people; all of them are counted, and --json has them all. */
const shownLines = 200

async function vacuum({ client, showsProgress, json }: Session, dryRun: boolean): Promise<Outcome> {
  const lines: VacuumLine[] = []
  const failures: Extract<VacuumEvent, { kind: 'failure' }>[] = []
  let summary: Readonly<Record<string, VacuumStage>> = {}
  for await (const event of client.vacuum({ dryRun })) {
    if (event.kind === 'stage') show(showsProgress, `Vacuum: ${event.stage}`)
    if (event.kind === 'progress') show(showsProgress, `Vacuum: ${event.stage} ${Math.floor(event.part * 100)} %`)
    if (event.kind === 'line' && (json || lines.length < shownLines)) lines.push(event.line)
    if (event.kind === 'failure') failures.push(event)
    if (event.kind === 'end') ({ summary } = event)
  }
  show(showsProgress, '')
  const text = [...planText(lines, summary), ...failureText(failures), ...summaryText(summary, dryRun)].join('\n')
  return { document: { dryRun, summary, lines, failures }, text, failed: failures.length > 0 }
}

function show(shown: boolean, text: string): void {
  if (shown) process.stderr.write(`\r\x1b[K${text}`)
}

function planText(lines: readonly VacuumLine[], summary: Readonly<Record<string, VacuumStage>>): string[] {
  if (lines.length === 0) return []
  const rows = lines
    .slice(0, shownLines)
    .map((line) => [line.action, short(line.subject), where(line), sizeText(line.bytes), line.rule])
  const all = Object.values(summary).reduce((sum, stage) => sum + stage.lines, 0)
  const more = all - rows.length
  return [table(['ACTION', 'WHAT', 'WHERE', '>SIZE', 'RULE'], rows), ...(more > 0 ? [`and ${more} more`] : []), '']
}

function short(subject: string): string {
  return /^[0-9a-f]{64}$/.test(subject) ? subject.slice(0, 16) : subject
}

function where({ store, to }: VacuumLine): string {
  return to === undefined ? (store ?? '') : `${store ?? ''} -> ${to}`.trimStart()
}

function failureText(failures: readonly { line: VacuumLine; detail: string }[]): string[] {
  return failures
    .slice(0, shownLines)
    .map(({ line, detail }) => `failed: ${line.action} ${short(line.subject)}: ${detail}`)
}

function summaryText(summary: Readonly<Record<string, VacuumStage>>, dryRun: boolean): string[] {
  const stages = Object.entries(summary).filter(([, stage]) => stage.lines > 0)
  if (stages.length === 0) return ['There is nothing to tidy up.']
  return stages.map(([name, stage]) => {
    const what = `${name}: ${counted(stage.lines, 'line')}, ${sizeText(stage.bytes)}`
    if (dryRun) return `${what} to do.`
    const failed = stage.failed === 0 ? '' : `, ${stage.failed} failed`
    return `${what}: ${stage.done} done${stage.kept === 0 ? '' : `, ${stage.kept} not needed any more`}${failed}.`
  })
}
