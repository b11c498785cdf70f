import { Command } from 'commander'
import { inSession } from './session.ts'
import { counted, sizeText } from './wording.ts'

interface UploadOptions {
  readonly suite: string
  readonly component?: string
  readonly section?: string
  readonly priority?: string
}

/** `ashlar upload`: packages into a suite, all of them in one change. */
export function uploadCommand(): Command {
  return new Command('upload')
    .description('upload packages and publish them in a suite, all in one step')
    .argument('<file...>', '.deb .udeb .ddeb .dsc .changes .buildinfo; a .dsc or .changes brings its files')
    .requiredOption('--suite <name>', 'the suite to publish them in')
    .option('--component <name>', 'the component (default: what their Section names, or the first one)')
    .option('--section <name>', 'list them in this section instead of their own')
    .option('--priority <name>', 'list them with this priority instead of their own')
    .action(async (files: string[], options: UploadOptions, command: Command) =>
      inSession(command, async (session) => {
        const { planUpload } = await import('./upload-plan.ts')
        const { createArtifacts } = await import('./create-artifacts.ts')
        const { changeOutcome } = await import('./change-outcome.ts')
        const { AshlarError } = await import('../common/errors.ts')
        // Better known before gigabytes are sent.
        const { settings } = await session.workspace.suite(options.suite)
        if (settings.signedUploads === true) {
          const { uploadSigned } = await import('./signed-upload.ts')
          return uploadSigned(session, options.suite, files)
        }
        const plan = await planUpload(files)
        if (plan.packages.length === 0) {
          throw new AshlarError('usage', 'There is no package among the files, so there is nothing to publish.')
        }
        const { suite, ...placement } = options
        const packages = await createArtifacts(session, plan.packages)
        const ids = packages.artifacts.map((each) => each.id)
        // Their files are in complete artifacts by now, so that only the .changes themselves are sent.
        const relations = ids.map((target) => ({ type: 'relates-to', target }) as const)
        const records = await createArtifacts(
          session,
          plan.records.map(({ category, files: own }) => ({ category, files: own, relations })),
        )
        const change = await session.workspace.addPackages(suite, { artifacts: ids, ...placement })
        const sent = { files: packages.sentFiles + records.sentFiles, bytes: packages.sentBytes + records.sentBytes }
        const outcome = changeOutcome(change, { unchanged: `${suite} holds all of that already.` })
        const artifacts = [...ids, ...records.artifacts.map((each) => each.id)]
        return {
          document: { ...change, artifacts, sentFiles: sent.files, sentBytes: sent.bytes },
          text: `Sent ${counted(sent.files, 'file')} (${sizeText(sent.bytes)}).\n${outcome.text}`,
        }
      }),
    )
}
