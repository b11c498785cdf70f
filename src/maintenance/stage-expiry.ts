/** What goes by its age: revisions that are no longer retained, and artifacts that nothing holds. */
import { endHistory, planHistoryEnd } from '../archive/history-end.ts'
import { expireRevisions, planRevisionExpiry } from '../archive/retention.ts'
import { planArtifactExpiry } from '../artifact/expiry-plan.ts'
import { expireArtifact } from '../artifact/expiry.ts'
import type { Micros } from '../database/schema.ts'
import { forgetClaims, unusedClaims } from '../artifact/forget-claims.ts'
import type { Context } from './context.ts'
import type { PlanLine, Step, StepOutcome } from './plan.ts'

export async function* revisionSteps(context: Context): AsyncGenerator<Step, void, undefined> {
  const { database, faults, signal } = context
  const now = await database.now()
  for await (const { archiveId, workspace, from, to, rule } of planRevisionExpiry(database.read, now, { signal })) {
    yield {
      lines: [revisionLine('expire', `${workspace} ${rangeText(from, to)}`, rule)],
      carryOut: async () => {
        await expireRevisions(database, archiveId, to, { faults, signal })
        return ['done']
      },
    }
  }
  for await (const { archiveId, workspace, from, to, rule } of planHistoryEnd(database.read, now, { signal })) {
    yield {
      lines: [revisionLine('remove', `the history of ${workspace} ${rangeText(from, to)}`, rule)],
      carryOut: async () => {
        await endHistory(database, archiveId, to, { faults, signal })
        return ['done']
      },
    }
  }
  yield* claimSteps(context, now)
}

async function* claimSteps(context: Context, now: Micros): AsyncGenerator<Step, void, undefined> {
  const { database, ages, signal } = context
  const before = now - ages.unneededMs * 1000
  for await (const ids of unusedClaims(database.read, before, signal)) {
    const subject = `what mirrors listed of ${ids.length === 1 ? 'a package' : `${ids.length} packages`}`
    yield {
      lines: [revisionLine('remove', subject, 'no suite has it any more, and no history tells of it')],
      carryOut: async () => {
        const forgotten = await database.write((trx) => forgetClaims(trx, ids, before))
        return [forgotten > 0 ? 'done' : 'kept']
      },
    }
  }
}

/** Of an expiry that was interrupted only what it left is to be done. */
function rangeText(from: number, to: number): string {
  return to > from ? `r${from} to r${to}` : `r${to}`
}

function revisionLine(action: PlanLine['action'], subject: string, rule: string): PlanLine {
  // Which files go with them is known once nothing else needs these.
  return { stage: 'revisions', action, subject, bytes: 0, rule }
}

export async function* artifactSteps(context: Context): AsyncGenerator<Step, void, undefined> {
  const { database, signal } = context
  for await (const planned of planArtifactExpiry(database, await database.now(), { signal })) {
    const { artifactId, workspace, category, bytes, rule } = planned
    const subject = `artifact ${artifactId} (${category}) of ${workspace}`
    yield {
      lines: [{ stage: 'artifacts', action: 'expire', subject, bytes, rule }],
      carryOut: async () => [await expire(context, artifactId)],
    }
  }
}

async function expire({ database, storage, faults }: Context, artifactId: number): Promise<StepOutcome> {
  const outcome = await expireArtifact(database, artifactId, { faults })
  if (outcome === 'kept') return 'kept'
  for (const id of outcome.uploads) await storage.spool.remove(id)
  await storage.parked.forget(outcome.uploads)
  return 'done'
}
