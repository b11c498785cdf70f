/**
 * New issues of the Releases that are live: in time before their Valid-Until, and when the archive's address changes.
 * Members and indexes stay those of the revision; only dates, the address and the signatures are new.
 */
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { assertLease } from '../database/lease.ts'
import { archiveById } from './archive-table.ts'
import type { HeldLease } from './held-lease.ts'
import { formatDate } from './release.ts'
import type { SealContext } from './seal-context.ts'
import { suitesAt } from './suite-table.ts'

const SECONDS_PER_DAY = 86_400

/** A live Release as it would be issued now. */
interface DueIssue {
  readonly suiteId: number
  readonly revision: number
  readonly kind: 'live' | 'snapshot'
  readonly dateSeconds: number
  readonly text: string
}

/** The newest issues that are half through their time, or that name another address. */
export async function issuesDue(context: SealContext, archiveId: number): Promise<DueIssue[]> {
  const { database } = context
  const archive = await archiveById(database.read, archiveId)
  const snapshots = `Snapshots: ${await context.urlOf(archiveId)}/snapshot/@SNAPSHOTID@/`
  const now = Math.floor((await database.now()) / 1_000_000)
  const due: DueIssue[] = []
  for (const suite of (await suitesAt(database.read, archiveId, archive.head)).all) {
    const issues = await database.read
      .selectFrom('release_issue')
      .selectAll()
      .where('suite_id', '=', suite.id)
      .orderBy('revision', 'desc')
      .limit(2)
      .execute()
    for (const issue of issues.filter((one) => one.revision === issues[0]?.revision)) {
      const text = zstdDecompressSync(issue.release).toString()
      const days = issue.kind === 'live' ? suite.settings.validUntilDays : null
      // Renewed when half of the time is over, so that a day without the server does no harm.
      const isOld = days !== null && now > issue.date_seconds + (days * SECONDS_PER_DAY) / 2
      if (!isOld && text.includes(`\n${snapshots}\n`)) continue
      // A second later at least: apt tells two issues apart by whole seconds.
      const dateSeconds = Math.max(now, issue.date_seconds + 1)
      const { revision, kind } = issue
      due.push({
        suiteId: suite.id,
        revision,
        kind,
        dateSeconds,
        text: redated(text, { snapshots, dateSeconds, days }),
      })
    }
  }
  return due
}

function redated(
  text: string,
  to: { readonly snapshots: string; readonly dateSeconds: number; readonly days: number | null },
): string {
  const dated = text
    .replace(/^Date: .*$/m, () => `Date: ${formatDate(to.dateSeconds)}`)
    .replace(/^Snapshots: .*$/m, () => to.snapshots)
  if (to.days === null) return dated
  const validUntil = formatDate(to.dateSeconds + to.days * SECONDS_PER_DAY)
  return dated.replace(/^Valid-Until: .*$/m, () => `Valid-Until: ${validUntil}`)
}

/** Issues again what has to be; the lease is the archive's own, so no seal comes in between. */
export async function reissueWhereDue(context: SealContext, archiveId: number, lease: HeldLease): Promise<void> {
  const { database } = context
  const signer = await context.keys.signer(archiveId)
  for (const issue of await issuesDue(context, archiveId)) {
    const signatures = await signer.signRelease(issue.text, new Date(issue.dateSeconds * 1000))
    await database.write(async (trx) => {
      await assertLease(trx, lease.name, lease.holder, lease.fence)
      await trx
        .updateTable('release_issue')
        .set({
          date_seconds: issue.dateSeconds,
          release: zstdCompressSync(issue.text),
          clear_signature: signatures.clearSignature,
          detached_signature: signatures.detachedSignature,
        })
        .where('suite_id', '=', issue.suiteId)
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
