/** Files that nothing needs any more: their copies are condemned; what has no copy left is forgotten. */
import type { Transaction } from 'kysely'
import type { Micros, Tables } from '../database/schema.ts'
import { beginDeletion, condemn, lockFiles } from '../storage/copy-states.ts'
import type { StoreMap } from '../storage/store-policy.ts'
import { type Context, reach } from './context.ts'
import { type FileView, filePages, filesNow } from './file-pages.ts'
import { forgetFiles } from './forget-files.ts'
import type { Step, StepOutcome } from './plan.ts'

const rule = 'nothing needs it'
const filesPerStep = 100

export async function* unneededFiles(context: Context): AsyncGenerator<Step, void, undefined> {
  const { database, dryRun, signal } = context
  const before = (await database.now()) - context.ages.unneededMs * 1000
  const map = await context.storage.stores.map()
  for await (const page of filePages(database.read, { withoutExpiring: dryRun, signal })) {
    const unneeded = page.files.filter((file) => isDue(map, file, before))
    for (let start = 0; start < unneeded.length; start += filesPerStep) {
      const files = unneeded.slice(start, start + filesPerStep)
      yield {
        lines: files.map((file) => ({
          stage: 'files',
          action: file.copies.length === 0 ? 'remove' : 'condemn',
          subject: file.sha256,
          bytes: file.sizeBytes * standing(map, file).length,
          rule,
        })),
        carryOut: () => condemnUnneeded(context, map, files, before),
      }
    }
    yield { lines: [], part: page.part }
  }
}

/** Whether the file may go: nobody needs it, it was not put lately, and something of it is still to go. */
function isDue(map: StoreMap, file: FileView, before: Micros): boolean {
  if (file.scopes.size > 0 || file.createdAt >= before) return false
  if (file.copies.some((copy) => copy.keptAt >= before)) return false
  return (file.copies.length === 0 && !file.isListed) || standing(map, file).length > 0
}

/** The copies that may go; where it lies upstream is told as long as a mirrored suite lists it. */
function standing(map: StoreMap, { copies, isListed }: FileView) {
  return copies.filter(
    ({ state, storeId }) =>
      (state === 'present' || state === 'damaged') && !(isListed && map.byId(storeId)?.kind === 'remote'),
  )
}

async function condemnUnneeded(
  context: Context,
  map: StoreMap,
  files: readonly FileView[],
  before: Micros,
): Promise<StepOutcome[]> {
  const { database, faults } = context
  await reach(faults, 'copy.condemn')
  const ids = files.map((file) => file.id)
  const condemned = await database.write(async (trx) => {
    await lockFiles(trx, ids)
    const due = (await filesNow(trx, ids)).filter((file) => isDue(map, file, before))
    const now = await database.now(trx)
    await forgetFiles(
      trx,
      due.filter((file) => file.copies.length === 0).map((file) => file.id),
      now,
    )
    await condemnCopies(trx, map, due, now)
    return new Set(due.map((file) => file.id))
  })
  return files.map((file) => (condemned.has(file.id) ? 'done' : 'kept'))
}

async function condemnCopies(
  trx: Transaction<Tables>,
  map: StoreMap,
  files: readonly FileView[],
  now: Micros,
): Promise<void> {
  const copies = files.flatMap((file) => standing(map, file).map((copy) => Object.assign({ fileId: file.id }, copy)))
  await condemn(trx, copies, rule, now)
  // A condemned copy may still be read; one that is damaged must not be.
  await beginDeletion(trx, copies, { from: ['damaged'], reason: rule, now })
}
