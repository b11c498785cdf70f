import { readFile } from 'node:fs/promises'
import { text as textOf } from 'node:stream/consumers'
import { Command } from 'commander'
import type { PackageCopy } from '../client/client.ts'
import { AshlarError } from '../common/errors.ts'
import { changeOutcome, previewOutcome } from './change-outcome.ts'
import { unreadable } from './local-file.ts'
import { choiceSyntax, parseChoice } from './package-selector.ts'
import { inSession } from './session.ts'

interface CopyOptions {
  readonly at?: string
  readonly fromWorkspace?: string
  readonly list?: string
  readonly filter?: string
  readonly withDeps?: true
  readonly dryRun?: true
}

export function copy(): Command {
  return new Command('copy')
    .description('put packages of one suite into another, in one step')
    .argument('<from>', 'the suite they are in')
    .argument('<to>', 'the suite they shall be in too')
    .argument('[package...]', `only these: ${choiceSyntax}`)
    .option('--at <id>', 'as the first suite was at a revision (r17) or a moment (20261123T080127Z)')
    .option('--from-workspace <scope/name>', 'the first suite is one of this workspace')
    .option('--list <file>', 'only these: one a line, # begins a comment; - reads them from stdin')
    .option('--filter <query>', "only packages that match, such as 'Name (% lib*), $Architecture (amd64)'")
    .option('--with-deps', 'also what they need and the second suite lacks, as far as the first one has it')
    .option('--dry-run', 'only show what would come and go')
    .action(async (from: string, to: string, words: string[], options: CopyOptions, command: Command) =>
      inSession(command, async ({ workspace }) => {
        const wish = await copyWish(from, words, options)
        if (options.dryRun === true) {
          return previewOutcome(await workspace.previewChanges([{ kind: 'copy', suite: to, ...wish }]))
        }
        const change = await workspace.copyPackages(to, wish)
        return changeOutcome(change, { unchanged: `${to} holds all of that already.` })
      }),
    )
}

async function copyWish(from: string, words: readonly string[], options: CopyOptions): Promise<PackageCopy> {
  const { at, fromWorkspace, list, filter, withDeps } = options
  const listed = list === undefined ? [] : await wordsIn(list)
  return {
    from,
    ...(at === undefined ? {} : { at }),
    ...(fromWorkspace === undefined ? {} : { fromWorkspace }),
    ...parseChoice([...words, ...listed]),
    ...(filter === undefined ? {} : { filter }),
    ...(withDeps === undefined ? {} : { withDeps }),
  }
}

/** @throws AshlarError usage for a list of nothing, which must not mean everything; file-unreadable */
async function wordsIn(file: string): Promise<string[]> {
  const lines = (await contentsOf(file)).split('\n').map((line) => line.replace(/(?:^|\s)#.*/, '').trim())
  const words = lines.filter((line) => line !== '')
  if (words.length === 0)
    throw new AshlarError('usage', `${file === '-' ? 'What came from stdin' : file} names no package.`)
  return words
}

/** What a file has; `-` is what comes from stdin. @throws AshlarError file-unreadable */
export async function contentsOf(file: string): Promise<string> {
  if (file === '-') return textOf(process.stdin)
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw unreadable(file, error)
  }
}
