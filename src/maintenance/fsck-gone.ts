/** Files whose record says that they are gone: what somebody needs all the same, and copies that should have gone too. */
import type { Sha256 } from '../common/digest.ts'
import type { FileTable } from '../database/schema.ts'
import { beginDeletion, condemn, lockFiles } from '../storage/copy-states.ts'
import type { Finding, FsckEvent } from './finding.ts'
import type { FsckContext } from './fsck-context.ts'
import { scopesNeeding } from './needs.ts'
import { touchesOf } from './touches.ts'

/** A file's row, gone or not. */
export interface CheckedRow {
  readonly id: number
  readonly sha256: Sha256
  readonly sizeBytes: number
  readonly gone: FileTable['gone_reason']
}

export async function* checkGone(
  context: FsckContext,
  files: readonly CheckedRow[],
): AsyncGenerator<FsckEvent, void, undefined> {
  for (const { file, isNeeded, hasCopy } of await contradictions(context, files)) {
    if (isNeeded) yield* checkNeeded(context, file, hasCopy)
    else yield* checkStanding(context, file)
  }
}

interface Contradiction {
  readonly file: CheckedRow
  readonly isNeeded: boolean
  readonly hasCopy: boolean
}

/** Those that something needs or a store still keeps; in one state of the database, since a put brings files back. */
async function contradictions({ database }: FsckContext, files: readonly CheckedRow[]): Promise<Contradiction[]> {
  return await database.read.transaction().execute(async (trx) => {
    const ids = files.map((file) => file.id)
    const gone = trx.selectFrom('file').select(['id', 'gone_reason']).where('id', 'in', ids)
    const rows = await gone.where('gone_at', 'is not', null).execute()
    const copies = await trx
      .selectFrom('file_copy')
      .select('file_id')
      .where('file_id', 'in', ids)
      .where('state', 'in', ['present', 'damaged'])
      .execute()
    const standing = new Set(copies.map((row) => row.file_id))
    // What was purged stays named by suites and artifacts, and is refused on purpose.
    const expired = rows.filter((row) => row.gone_reason !== 'purged').map((row) => row.id)
    const needed = await scopesNeeding(trx, expired)
    const isGone = new Set(rows.map((row) => row.id))
    return files
      .filter(({ id }) => isGone.has(id) && (needed.has(id) || standing.has(id)))
      .map((file) => ({ file, isNeeded: needed.has(file.id), hasCopy: standing.has(file.id) }))
  })
}

async function* checkNeeded(
  context: FsckContext,
  file: CheckedRow,
  hasCopy: boolean,
): AsyncGenerator<FsckEvent, void, undefined> {
  if (!hasCopy) {
    const touches = await touchesOf(context.database.read, file.id)
    const what = 'something needs it, but its record says that it has expired, and no store has a copy'
    yield told(file, { severity: 'lost', outcome: 'open', what, touches })
    return
  }
  yield told(file, {
    severity: 'wrong',
    outcome: 'open',
    what: 'its record says that it has expired, but it is needed',
  })
  if (!context.repair) return
  await context.database.write((trx) =>
    trx
      .updateTable('file')
      .set({ gone_at: null, gone_reason: null })
      .where('id', '=', file.id)
      .where('gone_reason', '=', 'expired')
      .execute(),
  )
  yield told(file, { severity: 'wrong', outcome: 'repaired', what: 'its record says again that it exists' })
}

async function* checkStanding(context: FsckContext, file: CheckedRow): AsyncGenerator<FsckEvent, void, undefined> {
  const how = file.gone === 'purged' ? 'was purged' : 'has expired'
  yield told(file, { severity: 'wrong', outcome: 'open', what: `the file ${how}, but a store has a copy` })
  if (!context.repair) return
  await removeCopies(context, file)
  yield told(file, { severity: 'wrong', outcome: 'repaired', what: 'a vacuum removes its copies' })
}

/** What was purged goes without a grace time. */
async function removeCopies({ database }: FsckContext, file: CheckedRow): Promise<void> {
  await database.write(async (trx) => {
    await lockFiles(trx, [file.id])
    const now = await database.now(trx)
    const row = await trx.selectFrom('file').select('gone_reason').where('id', '=', file.id).executeTakeFirst()
    // A put may have brought it back.
    if (row === undefined || row.gone_reason === null) return
    const copies = await trx
      .selectFrom('file_copy')
      .select(['store_id as storeId', 'generation', 'state'])
      .where('file_id', '=', file.id)
      .execute()
    for (const { storeId, generation } of copies) {
      const key = { fileId: file.id, storeId, generation }
      if (row.gone_reason === 'purged') {
        await beginDeletion(trx, [key], {
          from: ['present', 'damaged', 'condemned'],
          reason: 'the file was purged',
          now,
        })
      } else {
        await condemn(trx, [key], 'the file has expired', now)
      }
    }
  })
}

function told(
  file: CheckedRow,
  finding: Pick<Finding, 'severity' | 'outcome' | 'what'> & { readonly touches?: Finding['touches'] },
): FsckEvent {
  const { touches, ...said } = finding
  const subject = { subject: file.sha256, bytes: file.sizeBytes }
  const more = touches === undefined ? {} : { touches }
  return { kind: 'finding', finding: { stage: 'files', ...said, ...subject, ...more } }
}
