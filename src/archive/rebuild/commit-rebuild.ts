/** The transaction that puts chunks elsewhere, with the Releases that have to be issued again because of it. */
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import type { Transaction } from 'kysely'
import type { Database } from '../../database/database.ts'
import { assertLease, type HeldLease } from '../../database/lease.ts'
import { rowBatches } from '../../database/row-batches.ts'
import type { ReleaseIssueTable, Tables } from '../../database/schema.ts'
import type { ReleaseSigner } from '../../debian/openpgp.ts'
import type { ChangedIndex } from './changed-indexes.ts'
import { type Chunk, REBUILD_NAME } from '../chunk-table.ts'
import type { LeavingIndex } from './rebuild-pdiffs.ts'
import { type ReplacedIndex, rewriteRelease } from '../release-rewrite.ts'

export interface Rebuild {
  readonly archiveId: number
  /** The archive's own: no seal comes in between. */
  readonly lease: HeldLease
  /** Where chunks are now, by their ids. */
  readonly moved: ReadonlyMap<number, Chunk>
  /** Where raw indexes are now, by their ids. */
  readonly movedIndexes: ReadonlyMap<number, MovedIndex>
  /** Chunks that no map lists and raw indexes that no suite has, whose bytes are lost. */
  readonly unlisted: { readonly chunks: readonly number[]; readonly indexes: readonly number[] }
  /** What suites have no more. */
  readonly leaving: readonly LeavingIndex[]
  readonly changed: readonly ChangedIndex[]
  readonly signer: ReleaseSigner
  readonly signal: AbortSignal
}

/** A raw index that was made again. */
export interface MovedIndex {
  /** The file in which its bytes were. */
  readonly from: number
  /** Where they are now. */
  readonly fileId: number
  readonly offset: number
}

/** @returns how many Releases were issued again. @throws LeaseLost; then nothing has happened */
export async function commitRebuild(database: Database, rebuild: Rebuild): Promise<number> {
  const issues = await newIssues(database, rebuild)
  const { archiveId, lease } = rebuild
  await database.write(async (trx) => {
    await assertLease(trx, lease.name, lease.holder, lease.fence)
    await endLeaving(trx, rebuild.leaving)
    await forgetUnlisted(trx, rebuild)
    const packs = new Map([...(await moveChunks(trx, rebuild)), ...(await moveIndexes(trx, rebuild))])
    await renamePacks(trx, rebuild.archiveId, packs)
    for (const { id, sha256, sizeBytes } of rebuild.changed) {
      await trx.updateTable('index_file').set({ sha256, size: sizeBytes }).where('id', '=', id).execute()
    }
    for (const issue of issues) await writeIssue(trx, issue)
    // What any process remembers of the archive, and of where chunks are, holds no more.
    await trx
      .updateTable('archive')
      .set((eb) => ({ issue: eb('issue', '+', 1) }))
      .where('id', '=', archiveId)
      .execute()
    await noteRebuild(database, trx, { chunks: rebuild.moved.size, issues: issues.length })
  })
  return issues.length
}

/** As if it had never been there. */
async function endLeaving(trx: Transaction<Tables>, leaving: readonly LeavingIndex[]): Promise<void> {
  for (const { suiteId, path, from } of leaving) {
    await trx
      .deleteFrom('release_index')
      .where('suite_id', '=', suiteId)
      .where('path', '=', path)
      .where('from_revision', '=', from)
      .execute()
  }
}

async function forgetUnlisted(trx: Transaction<Tables>, { archiveId, unlisted }: Rebuild): Promise<void> {
  for (const ids of rowBatches(unlisted.chunks)) {
    await trx.deleteFrom('chunk').where('id', 'in', ids).where('archive_id', '=', archiveId).execute()
  }
  for (const ids of rowBatches(unlisted.indexes)) {
    await trx
      .deleteFrom('index_file')
      .where('id', 'in', ids)
      // What expired revisions list goes when these are swept.
      .where((eb) =>
        eb.not(
          eb.exists(
            eb
              .selectFrom('release_index')
              .select('release_index.path')
              .whereRef('release_index.index_file_id', '=', 'index_file.id'),
          ),
        ),
      )
      .execute()
  }
}

/** @returns which pack took the place of which */
async function moveChunks(trx: Transaction<Tables>, { moved }: Rebuild): Promise<Map<number, number>> {
  const packs = new Map<number, number>()
  for (const [id, chunk] of moved) {
    const before = await trx.selectFrom('chunk').select('pack_file_id').where('id', '=', id).executeTakeFirst()
    if (before !== undefined) packs.set(before.pack_file_id, chunk.pack.id)
    await trx
      .updateTable('chunk')
      .set({
        pack_file_id: chunk.pack.id,
        pack_offset: chunk.packOffset,
        xz_size: chunk.xzBytes,
        xz_unpadded_size: chunk.xzUnpaddedBytes,
        gz_size: chunk.gzBytes,
        zst_size: chunk.zstBytes,
      })
      .where('id', '=', id)
      .execute()
  }
  return packs
}

/** @returns which pack took the place of which */
async function moveIndexes(trx: Transaction<Tables>, { movedIndexes }: Rebuild): Promise<Map<number, number>> {
  const packs = new Map<number, number>()
  for (const [id, { from, fileId, offset }] of movedIndexes) {
    await trx.updateTable('index_file').set({ file_id: fileId, file_offset: offset }).where('id', '=', id).execute()
    packs.set(from, fileId)
  }
  return packs
}

async function renamePacks(
  trx: Transaction<Tables>,
  archiveId: number,
  packs: ReadonlyMap<number, number>,
): Promise<void> {
  for (const [from, to] of packs) {
    await trx
      .updateTable('revision')
      .set({ pack_file_id: to })
      .where('archive_id', '=', archiveId)
      .where('pack_file_id', '=', from)
      .execute()
  }
}

type NewIssue = Pick<ReleaseIssueTable, 'suite_id' | 'revision' | 'kind'> &
  Pick<ReleaseIssueTable, 'date_seconds' | 'release' | 'clear_signature' | 'detached_signature'>

async function writeIssue(trx: Transaction<Tables>, issue: NewIssue): Promise<void> {
  const { suite_id: suiteId, revision, kind, ...values } = issue
  await trx
    .updateTable('release_issue')
    .set(values)
    .where('suite_id', '=', suiteId)
    .where('revision', '=', revision)
    .where('kind', '=', kind)
    .execute()
}

async function noteRebuild(database: Database, trx: Transaction<Tables>, summary: object): Promise<void> {
  const last = await trx
    .selectFrom('maintenance')
    .select('started_at')
    .where('name', '=', REBUILD_NAME)
    .executeTakeFirst()
  // Later than the last one even if the clock went back: who remembers chunks compares.
  const now = Math.max(await database.now(trx), (last?.started_at ?? 0) + 1)
  const row = { state: 'done' as const, started_at: now, finished_at: now, cursor: null }
  const values = { ...row, summary_json: JSON.stringify(summary) }
  await trx
    .insertInto('maintenance')
    .values({ name: REBUILD_NAME, ...values })
    .onConflict((conflict) => conflict.column('name').doUpdateSet(values))
    .execute()
}

/** Where an index that changed or leaves is listed. */
interface Listed {
  readonly path: string
  /** Undefined if it leaves. */
  readonly now: ReplacedIndex | undefined
  readonly from: number
  readonly until: number | null
}

/** Every Release that lists an index that changed or leaves, dated and signed anew. */
async function newIssues(database: Database, rebuild: Rebuild): Promise<NewIssue[]> {
  const { signer, signal } = rebuild
  const now = Math.floor((await database.now()) / 1_000_000)
  const issues: NewIssue[] = []
  for (const [suiteId, listed] of await listings(database, rebuild)) {
    const first = Math.min(...listed.map((index) => index.from))
    const rows = await database.read
      .selectFrom('release_issue')
      .select(['revision', 'kind', 'date_seconds', 'release'])
      .where('suite_id', '=', suiteId)
      .where('revision', '>=', first)
      .execute()
    for (const { revision, kind, date_seconds: date, release } of rows) {
      signal.throwIfAborted()
      const here = listed.filter(({ from, until }) => from <= revision && (until === null || until > revision))
      if (here.length === 0) continue
      // A second later at least: apt tells two issues apart by whole seconds.
      const dateSeconds = Math.max(now, date + 1)
      const replaced = new Map(here.map(({ path, now: index }) => [path, index]))
      const text = rewriteRelease(zstdDecompressSync(release).toString(), replaced, dateSeconds)
      const signatures = await signer.signRelease(text, new Date(dateSeconds * 1000))
      issues.push({
        suite_id: suiteId,
        revision,
        kind,
        date_seconds: dateSeconds,
        release: zstdCompressSync(text),
        clear_signature: signatures.clearSignature,
        detached_signature: signatures.detachedSignature,
      })
    }
  }
  return issues
}

async function listings({ read }: Database, { changed, leaving }: Rebuild): Promise<Map<number, Listed[]>> {
  const bySuite = new Map<number, Listed[]>()
  for (const { suiteId, path, from, until, listed } of leaving) {
    if (listed) bySuite.set(suiteId, [...(bySuite.get(suiteId) ?? []), { path, from, until, now: undefined }])
  }
  const byId = new Map(changed.map((index) => [index.id, index]))
  for (const ids of rowBatches([...byId.keys()])) {
    const rows = await read
      .selectFrom('release_index')
      .select(['suite_id', 'path', 'index_file_id', 'from_revision', 'until_revision'])
      .where('index_file_id', 'in', ids)
      .execute()
    for (const row of rows) {
      const index = byId.get(row.index_file_id)
      if (index === undefined) continue
      const { sha256, sizeBytes } = index
      const now = { sha256, sizeBytes }
      const listed = { now, path: row.path, from: row.from_revision, until: row.until_revision }
      bySuite.set(row.suite_id, [...(bySuite.get(row.suite_id) ?? []), listed])
    }
  }
  return bySuite
}
