/**
 * New issues of the Releases that are live: in time before their Valid-Until, and when the archive's address changes.
 * Members and indexes stay those of the revision; only dates, the address and the signatures are new.
 */
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { assertLease } from '../database/lease.ts'
import { archiveById } from './archive-table.ts'
import type { HeldLease } from './commit-seal.ts'
import { formatDate } from './release.ts'
import type { SealContext } from './seal.ts'
import { suitesAt } from './suite-table.ts'

const SECONDS_PER_DAY = 86_400

/** Issues again what has to be; the lease is the archive's own, so no seal comes in between. */
export async function reissueWhereDue(context: SealContext, archiveId: number, lease: HeldLease): Promise<void> {
  const { database } = context
  const archive = await archiveById(database.read, archiveId)
  const url = await context.urlOf(archiveId)
  const now = Math.floor((await database.now()) / 1_000_000)
  for (const suite of (await suitesAt(database.read, archiveId, archive.head)).all) {
    const issues = await database.read
      .selectFrom('release_issue')
      .selectAll()
      .where('suite_id', '=', suite.id)
      .where('revision', '=', (eb) =>
        eb
          .selectFrom('release_issue as newest')
          .select((inner) => inner.fn.max('newest.revision').as('revision'))
          .where('newest.suite_id', '=', suite.id),
      )
      .execute()
    for (const issue of issues) {
      const text = zstdDecompressSync(issue.release).toString()
      const days = issue.kind === 'live' ? suite.settings.validUntilDays : null
      const snapshots = `Snapshots: ${url}/snapshot/@SNAPSHOTID@/`
      // Renewed when half of the time is over, so that a day without the server does no harm.
      const isOld = days !== null && now > issue.date_seconds + (days * SECONDS_PER_DAY) / 2
      if (!isOld && text.includes(`\n${snapshots}\n`)) continue
      // A second later at least: apt tells two issues apart by whole seconds.
      const dateSeconds = Math.max(now, issue.date_seconds + 1)
      const dated = text
        .replace(/^Date: .*$/m, `Date: ${formatDate(dateSeconds)}`)
        .replace(/^Snapshots: .*$/m, snapshots)
      const validUntil = `Valid-Until: ${formatDate(dateSeconds + (days ?? 0) * SECONDS_PER_DAY)}`
      const release = days === null ? dated : dated.replace(/^Valid-Until: .*$/m, validUntil)
      const signer = await context.keys.signer(archiveId)
      const signatures = await signer.signRelease(release, new Date(dateSeconds * 1000))
      await database.write(async (trx) => {
        await assertLease(trx, lease.name, lease.holder, lease.fence)
        await trx
          .updateTable('release_issue')
          .set({
            date_seconds: dateSeconds,
            release: zstdCompressSync(release),
            clear_signature: signatures.clearSignature,
            detached_signature: signatures.detachedSignature,
          })
          .where('suite_id', '=', issue.suite_id)
          .where('revision', '=', issue.revision)
          .where('kind', '=', issue.kind)
          .execute()
        await trx
          .updateTable('archive')
          .set((eb) => ({ issue: eb('issue', '+', 1) }))
          .where('id', '=', archiveId)
          .execute()
      })
    }
  }
}
