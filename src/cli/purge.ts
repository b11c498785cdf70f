import { Command, InvalidArgumentError } from 'commander'
import type { AshlarClient, Purge } from '../client/client.ts'
import { AshlarError } from '../common/errors.ts'
import { defaultWorkspace, inSession } from './session.ts'
import { counted } from './wording.ts'

interface PurgeOptions {
  readonly reason: string
  readonly yes?: true
}

/** How many digits of the digest are typed to confirm. */
const typedDigits = 8

/** `ashlar purge`: removes a file that must not be there, and lets it never come back. */
export function purgeCommand(): Command {
  return new Command('purge')
    .description('remove a file from every store at once, whatever holds it, and take it never again')
    .argument('<digest>', 'its SHA-256', digestOf)
    .requiredOption('--reason <text>', 'why; shown to whoever may read a workspace that had it', reasonOf)
    .option('--yes', 'do not ask')
    .action(async (digest: string, options: PurgeOptions, command: Command) =>
      inSession(command, async ({ client }) => {
        if (options.yes !== true) await confirm(client, digest)
        const purge = await client.purge(digest, options.reason)
        return { document: purge, text: purgeText(purge) }
      }),
    )
}

/** Shows what it touches, and has the first digits typed. @throws AshlarError usage without a terminal, or if not typed */
async function confirm(client: AshlarClient, digest: string): Promise<void> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new AshlarError('usage', 'A purge cannot be undone: say --yes where nobody can be asked.')
  }
  const { whyText } = await import('./why-text.ts')
  const touched = await client.why(digest).then(whyText, (error: unknown) => {
    if (error instanceof AshlarError && error.code === 'not-found') return 'Nothing here has it; it will never come in.'
    throw error
  })
  process.stderr.write(`${touched}\n\n`)
  const { createInterface } = await import('node:readline/promises')
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const typed = await terminal.question(
      `It cannot be undone. Type the first ${typedDigits} digits of the digest to purge the file: `,
    )
    if (typed.trim().toLowerCase() === digest.slice(0, typedDigits)) return
  } finally {
    terminal.close()
  }
  throw new AshlarError('usage', 'That is not how the digest begins; nothing was purged.')
}

function purgeText({ sha256, copies, artifacts, listedIn, listedInTotal }: Purge): string {
  const deleted = copies.filter((copy) => copy.outcome === 'deleted').map((copy) => copy.store)
  const pending = copies.filter((copy) => copy.outcome === 'pending').map((copy) => copy.store)
  const lines = [`Purged ${sha256}: ${deleted.length === 0 ? 'no store had it' : `deleted from ${named(deleted)}`}.`]
  if (pending.length > 0) {
    lines[0] = `Purged ${sha256}${deleted.length === 0 ? '' : `: deleted from ${named(deleted)}`}.`
    lines.push(
      `${named(pending)} cannot be reached now, and still has the bytes; a vacuum deletes them once it can. ` +
        'Nobody gets them from this server meanwhile.',
    )
  }
  lines.push(
    'Whoever asks for it is told that it is gone (410), and no upload brings it back.',
    'Caches and CDNs in front of the server, mirrors and machines that have fetched it keep it: empty them by hand.',
  )
  if (artifacts > 0) lines.push(`${counted(artifacts, 'file')} of artifacts had these bytes; they stay, without them.`)
  if (listedIn.length > 0) {
    lines.push(
      'Suites list it until you remove it, and installing from them fails until then:',
      ...new Set(listedIn.map(removal)),
    )
    const more = listedInTotal - listedIn.length
    if (more > 0)
      lines.push(`  … and ${counted(more, 'more place')}; \`ashlar why --everywhere ${sha256}\` lists some.`)
  }
  return lines.join('\n')
}

/** Sources are `source` packages to a selector too. */
function removal({ workspace, suite, package: name, version, architecture }: Purge['listedIn'][number]): string {
  const where = workspace === defaultWorkspace ? '' : ` --workspace ${workspace}`
  return `  ashlar suite remove ${suite} ${name}=${version}:${architecture}${where}`
}

function named(stores: readonly string[]): string {
  return [...new Set(stores)].join(', ')
}

function digestOf(text: string): string {
  if (/^[0-9a-f]{64}$/i.test(text)) return text.toLowerCase()
  throw new InvalidArgumentError('It has to be a SHA-256 digest: 64 hexadecimal digits.')
}

function reasonOf(text: string): string {
  if (text.trim() !== '') return text.trim()
  throw new InvalidArgumentError('Say why; it is kept and shown.')
}
