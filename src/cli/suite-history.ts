import { Command } from 'commander'
import type { HistoryEntry, SuiteDifference } from '../client/client.ts'
import { deedText } from '../common/authorship.ts'
import { AshlarError } from '../common/errors.ts'
import { changeOutcome } from './change-outcome.ts'
import { inSession } from './session.ts'
import { wholeNumber } from './suite-settings.ts'
import { table } from './table.ts'
import { counted, localTime } from './wording.ts'

/** The commands of `ashlar suite` about the states that a suite was in. */
export function suiteHistoryCommands(): Command[] {
  return [history(), diff(), rollback(), sources()]
}

function history(): Command {
  return new Command('history')
    .description('the revisions that changed a suite, newest first')
    .argument('<suite>')
    .option('--limit <count>', 'at most so many', wholeNumber, 50)
    .option('--before <revision>', 'only older ones than this, such as r17', revisionNumber)
    .action(async (suite: string, options: { limit: number; before?: number }, command: Command) =>
      inSession(command, async ({ workspace }) => {
        const page = await workspace.history(suite, options)
        const rows = page.history.map((each) => [
          `r${each.revision}`,
          localTime(each.sealedAt),
          signed('+', each.addedCount),
          signed('-', each.removedCount),
          causes(each),
          each.state === 'expired' ? 'expired' : '',
        ])
        const more = page.next === undefined ? '' : `\nOlder ones: ashlar suite history ${suite} --before r${page.next}`
        return {
          document: page,
          text:
            rows.length === 0
              ? `There is no such state of ${suite}.`
              : table(['>STATE', 'SEALED', '>ADDED', '>REMOVED', 'BY', ''], rows) + more,
          brief: page.history.map((each) => `r${each.revision}`).join('\n'),
        }
      }),
    )
}

function signed(sign: string, count: number): string {
  return count === 0 ? '' : `${sign}${count}`
}

/**
 * What was asked for, and by whom, and what no count of packages tells: `upload by admin (signed by Jane
 * <jane@example.org>), copy`, `mirror, 2 indexes`.
 */
function causes(entry: HistoryEntry): string {
  const texts = entry.changes.map(({ kind, user = null, upload }) =>
    deedText(upload === null || upload === undefined ? kind : 'upload', { user, signer: upload?.signer }),
  )
  const broken = entry.changes.reduce((sum, { uninstallable = 0 }) => sum + uninstallable, 0)
  const taken = entry.changes.reduce((sum, { takenIndexes = 0 }) => sum + takenIndexes, 0)
  const indexes = taken === 0 ? [] : [counted(taken, 'index', 'indexes')]
  return [...new Set(texts), ...indexes, ...(broken === 0 ? [] : [`${broken} uninstallable`])].join(', ')
}

function diff(): Command {
  return new Command('diff')
    .description('what differs between two states of a suite, or between two suites')
    .argument('<suite>')
    .option('--from <id>', 'the older state: a revision or a moment (default: before the newest change)')
    .option('--to <id>', 'the newer state (default: now)')
    .option('--with <suite>', 'compare with this suite: what it has (+) and has not (-)')
    .action(async (suite: string, options: { from?: string; to?: string; with?: string }, command: Command) =>
      inSession(command, async ({ workspace }) => {
        const states = { ...options }
        if (states.from === undefined && states.with === undefined) {
          const { history: entries } = await workspace.history(suite, { limit: 2 })
          const before = entries[1]?.revision
          if (before === undefined) {
            throw new AshlarError('snapshot-unknown', `${suite} has had one state only; there is none to compare with.`)
          }
          states.from = `r${before}`
        }
        const difference = await workspace.difference(suite, states)
        return { document: difference, text: differenceText(difference) }
      }),
    )
}

function differenceText({ added, removed, changed }: SuiteDifference): string {
  const rows = [
    ...changed.map((each) => ['~', each.name, each.architecture, `${each.from} -> ${each.to}`]),
    ...added.map((each) => ['+', each.name, each.architecture, each.version]),
    ...removed.map((each) => ['-', each.name, each.architecture, each.version]),
  ]
  return rows.length === 0 ? 'Nothing differs.' : table(['', 'PACKAGE', 'ARCH', 'VERSION'], rows)
}

function rollback(): Command {
  return new Command('rollback')
    .description('bring a suite back to what it was, as a new state; nothing is lost')
    .argument('<suite>')
    .requiredOption('--to <id>', 'the state to return to: a revision (r17) or a moment (20261123T080127Z)')
    .action(async (suite: string, options: { to: string }, command: Command) =>
      inSession(command, async ({ workspace }) => {
        const change = await workspace.rollBack(suite, options.to)
        return changeOutcome(change, { unchanged: `${suite} is as it was at ${options.to} already.` })
      }),
    )
}

function sources(): Command {
  return new Command('sources')
    .description('print what apt needs, for /etc/apt/sources.list.d/NAME.sources; the key is inside')
    .argument('<suite>')
    .option('--at <id>', 'for the state at a revision (r17) or a moment (20261123T080127Z), for ever')
    .action(async (suite: string, options: { at?: string }, command: Command) =>
      inSession(command, async ({ workspace }) => {
        const stanza = await workspace.sources(suite, { at: options.at })
        return { document: { suite, sources: stanza }, text: stanza, brief: stanza }
      }),
    )
}

function revisionNumber(text: string): number {
  return wholeNumber(text.replace(/^r/, ''))
}
