/**
 * Issues of a Release: the text, dated and signed.
 *
 * A suite's state at a revision may be issued again, for a new Valid-Until or a new address. A live Release may have
 * a Valid-Until; a snapshot's never does, or apt would refuse it one day.
 */
import { zstdCompressSync } from 'node:zlib'
import type { Database } from '../database/database.ts'
import type { Micros, ReleaseIssueTable } from '../database/schema.ts'
import type { ReleaseSigner } from '../debian/openpgp.ts'
import { renderRelease, type ReleaseFacts } from './release.ts'
import type { Suite } from './suite-table.ts'

export interface ReleaseContext {
  readonly signer: ReleaseSigner
  /** The archive's address: `https://host/apt/scope/workspace`. */
  readonly url: string
  readonly now: Micros
}

export type ReleaseIssue = Omit<ReleaseIssueTable, 'suite_id' | 'revision'>

const SECONDS_PER_DAY = 86_400

/** Dated now, but never before the suite's last Release: apt ignores one with an older Date. */
export async function signReleases(
  database: Database,
  context: ReleaseContext,
  suite: Suite,
  contents: Pick<ReleaseFacts, 'components' | 'architectures' | 'indexes'>,
): Promise<ReleaseIssue[]> {
  const { last } = await database.read
    .selectFrom('release_issue')
    .select((eb) => eb.fn.max('date_seconds').as('last'))
    .where('suite_id', '=', suite.id)
    .executeTakeFirstOrThrow()
  const dateSeconds = Math.max(last ?? 0, Math.floor(context.now / 1_000_000))
  const days = suite.settings.validUntilDays
  const facts = {
    ...contents,
    settings: suite.settings,
    dateSeconds,
    snapshots: `${context.url}/snapshot/@SNAPSHOTID@/`,
  }
  if (days === null) return [await sign(context, 'live', { ...facts, validUntilSeconds: undefined })]
  const validUntilSeconds = dateSeconds + days * SECONDS_PER_DAY
  return [
    await sign(context, 'live', { ...facts, validUntilSeconds }),
    await sign(context, 'snapshot', { ...facts, validUntilSeconds: undefined }),
  ]
}

async function sign(context: ReleaseContext, kind: 'live' | 'snapshot', facts: ReleaseFacts): Promise<ReleaseIssue> {
  const text = renderRelease(facts)
  const signatures = await context.signer.signRelease(text, new Date(facts.dateSeconds * 1000))
  return {
    kind,
    date_seconds: facts.dateSeconds,
    release: zstdCompressSync(text),
    clear_signature: signatures.clearSignature,
    detached_signature: signatures.detachedSignature,
  }
}
