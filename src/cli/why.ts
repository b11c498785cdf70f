import { Command } from 'commander'
import { inSession, parseWorkspace } from './session.ts'

/** `ashlar why`: what keeps something, when it goes, or why it is gone. */
export function whyCommand(): Command {
  return new Command('why')
    .description('tell why something is kept, when it goes, or since when and why it is gone')
    .argument('<id|digest|path>', 'the number of an artifact, a SHA-256 digest, or a path or address in the pool')
    .option('--everywhere', 'over all workspaces, for admins')
    .action(async (text: string, options: { everywhere?: true }, command: Command) =>
      inSession(command, async ({ client, workspace }) => {
        const { parseSubject } = await import('./why-subject.ts')
        const { whyText } = await import('./why-text.ts')
        const { subject, workspace: named } = parseSubject(text)
        const place = named === undefined ? undefined : parseWorkspace(named)
        const within = place === undefined ? workspace : client.workspace(place.scope, place.name)
        const why = options.everywhere === true ? await client.why(subject) : await within.why(subject)
        return { document: why, text: whyText(why), brief: why.fate.sentence }
      }),
    )
}
