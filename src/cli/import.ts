import { Command, InvalidArgumentError, Option } from 'commander'
import type { OldRepository } from '../import/old-repository.ts'
import { paths } from './list-option.ts'
import { inSession } from './session.ts'

interface ImportWords {
  readonly origin: string
  readonly pool?: string
  readonly dryRun?: true
  readonly leaveOut?: readonly string[]
  readonly overwrite?: true
  readonly uploaders: boolean
}

/** `ashlar import`: what another program has published, with its history. */
export function importCommand(): Command {
  const command = new Command('import').description('move in with what another program has published, and its history')
  return command.addCommand(aptly()).addCommand(reprepro())
}

function aptly(): Command {
  return importing(new Command('aptly'), 'aptly', async (root, { pool }) => {
    const { readAptly } = await import('../import/aptly.ts')
    return readAptly(root, { pool })
  })
    .description('published distributions, local repos, mirrors and snapshots of an aptly')
    .argument('<dir>', 'its rootDir, as `aptly config show` tells it')
    .option('--pool <dir>', 'its package pool (default: pool in its rootDir)')
}

function reprepro(): Command {
  return importing(new Command('reprepro'), 'reprepro', async (base) => {
    const { readReprepro } = await import('../import/reprepro.ts')
    return readReprepro(base)
  })
    .description('distributions and snapshots of a reprepro')
    .argument('<dir>', 'its base directory, which has conf/distributions')
}

function importing(
  command: Command,
  program: string,
  read: (directory: string, words: ImportWords) => Promise<OldRepository>,
): Command {
  return command
    .addOption(
      new Option('--origin <name>', 'people become NAME@…~ORIGIN; imports of several into one workspace need several')
        .default(program)
        .argParser(originName),
    )
    .option('--no-uploaders', 'record everything as yours, not as of those who brought it')
    .option('--leave-out <file>', 'not the package of this .deb or .dsc; may be repeated', paths)
    .option('--overwrite', 'undo what was changed here since an earlier import')
    .option('--dry-run', 'only read it, look at its pool, and tell what would come')
    .action(async (directory: string, words: ImportWords, self: Command) =>
      inSession(self, async (session) => {
        const { planImport, runImport } = await import('./import-run.ts')
        const { importOutcome, planOutcome } = await import('./import-outcome.ts')
        const { leaveOut } = await import('../import/leave-out.ts')
        const old = leaveOut(await read(directory, words), words.leaveOut ?? [])
        if (words.dryRun === true) {
          await planImport(old)
          return planOutcome(old)
        }
        const { origin, uploaders, overwrite = false } = words
        return importOutcome(await runImport(session, old, { origin, uploaders, overwrite }))
      }),
    )
}

function originName(text: string): string {
  if (/^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/.test(text)) return text
  throw new InvalidArgumentError('It has to be of a-z, 0-9, ".", "_" and "-".')
}
