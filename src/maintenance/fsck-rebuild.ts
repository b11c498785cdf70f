/** Lost packs of indexes, made again from what the suites hold (archive/rebuild/rebuild-packs.ts). */
import { AshlarError } from '../common/errors.ts'
import type { RebuiltPack } from '../archive/archives.ts'
import type { FsckEvent } from './finding.ts'
import { filesNow } from './file-pages.ts'
import type { FsckContext } from './fsck-context.ts'
import { lookAt } from './fsck-files.ts'

/** Makes packs again; one outcome for each, once it is durable. */
export type RebuildPacks = (packFileIds: readonly number[], signal: AbortSignal) => AsyncIterable<RebuiltPack>

export async function* rebuildLost(
  context: FsckContext,
  rebuild: RebuildPacks,
): AsyncGenerator<FsckEvent, void, undefined> {
  const { database, lostPacks, signal } = context
  const files = new Map<number, { readonly sha256: string; readonly sizeBytes: number }>()
  for (const id of lostPacks) {
    const [file] = await filesNow(database.read, [id])
    if (file !== undefined) files.set(id, file)
  }
  try {
    for await (const pack of rebuild([...files.keys()], signal)) {
      const file = files.get(pack.fileId)
      if (file === undefined) continue
      const common = { stage: 'rebuild', severity: 'lost', subject: file.sha256, bytes: file.sizeBytes } as const
      if (pack.outcome === 'failed') {
        const error = new AshlarError('file-corrupt', pack.reason)
        yield { kind: 'failure', stage: 'rebuild', subject: file.sha256, error }
        continue
      }
      yield { kind: 'finding', finding: { ...common, outcome: 'repaired', what: whatOf(pack) } }
      // Its bad copies are of no use to anybody now.
      yield* await lookAt(context, pack.fileId)
    }
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof AshlarError)) throw error
    yield { kind: 'failure', stage: 'rebuild', subject: 'packs', error }
  }
}

function whatOf(pack: Extract<RebuiltPack, { outcome: 'rebuilt' }>): string {
  if (pack.isSame) return 'its chunks were made again from the packages, with the same bytes'
  const { sha256, issues } = pack
  if (issues === 0) return `its chunks were made again from the packages, with the same bytes, as ${sha256}`
  return `its chunks were made again from the packages, with the same text, as ${sha256}; releases were issued again: ${issues}`
}
