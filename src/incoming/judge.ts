/**
 * Judges an upload: everything that is wrong with it is found, not only the first fault. Nothing is changed here.
 */
import { createHash } from 'node:crypto'
import type { Kysely } from 'kysely'
import { higherVersion } from '../archive/lower-version.ts'
import { type Changes, readChanges } from '../debian/changes-file.ts'
import type { Keyring } from '../debian/keyring.ts'
import type { Signer } from '../debian/verify-signature.ts'
import type { Database } from '../database/database.ts'
import type { Tables } from '../database/schema.ts'
import type { Artifacts } from '../artifact/artifacts.ts'
import { type Finding, Findings } from './finding.ts'
import { findFiles } from './find-files.ts'
import { type JudgedPackage, judgePackages } from './judge-packages.ts'
import type { Plan } from './plan.ts'
import { planOf } from './plan.ts'
import { judgeSignature } from './judge-signature.ts'
import type { Submission } from './submission.ts'

export interface JudgeContext {
  readonly database: Database
  readonly artifacts: Artifacts
  /** The keys that count for the suite. */
  readonly trusted: Keyring
  readonly now: Date
}

export interface Judgement {
  readonly findings: readonly Finding[]
  /** Null if they could not be read. */
  readonly changes: Changes | null
  /** The trusted key that signed it. */
  readonly signer: Signer | null
  /** Of the text that it signed. */
  readonly textSha256: string | null
  /** What is to be published; undefined if it is refused. */
  readonly plan: Plan | undefined
}

export async function judge(context: JudgeContext, submission: Submission): Promise<Judgement> {
  const findings = new Findings()
  const { text, signer } = await judgeSignature(context, submission, findings)
  const textSha256 = signer === null || text === undefined ? null : textDigest(text)
  const changes = text === undefined ? null : readText(text, submission, findings)
  const judged = { findings: findings.all, changes, signer, textSha256 }
  if (changes === null) return { ...judged, plan: undefined }
  // What strangers send is not even looked into.
  if (signer === null && submission.userId === null) return { ...judged, plan: undefined }
  judgeDistribution(changes, submission, findings)
  if (textSha256 !== null) await judgeReplay(context.database, submission, textSha256, findings)
  const found = await findFiles(changes, submission, findings)
  const packages = await judgePackages(context.artifacts, submission, { changes, found, findings })
  await judgeVersions(context.database, submission, packages, findings)
  if (!findings.isGood) return { ...judged, plan: undefined }
  return { ...judged, plan: planOf(submission, changes, found, packages) }
}

function readText(text: string, { name }: Submission, findings: Findings): Changes | null {
  try {
    return readChanges(Buffer.from(text), name)
  } catch (error) {
    findings.refuse(name, error)
    return null
  }
}

function judgeDistribution(changes: Changes, { suite }: Submission, findings: Findings): void {
  const names = new Set([suite.name, ...suite.aliases])
  const other = changes.distributions.find((distribution) => !names.has(distribution))
  if (other === undefined) findings.good('distribution', `It is for ${changes.distributions.join(' ')}.`)
  else findings.bad('distribution', `It is for ${other}, which is neither ${suite.name} nor another name of it.`)
}

/**
 * A text that was accepted once is not accepted again: whoever has an old upload cannot bring its packages back. A
 * .changes does not say for which workspace it was signed, so without a token it counts once in all of them: what others
 * can fetch from one does not get into another that trusts the key.
 */
async function judgeReplay(
  database: Database,
  { workspace, userId }: Submission,
  textSha256: string,
  findings: Findings,
): Promise<void> {
  const before = await database.read
    .selectFrom('signed_text')
    .innerJoin('received_upload', 'received_upload.id', 'signed_text.upload_id')
    .select(['received_upload.id', 'received_upload.decided_at'])
    .where('signed_text.workspace_id', '=', workspace.id)
    .where('signed_text.sha256', '=', textSha256)
    .executeTakeFirst()
  if (before !== undefined) return findings.bad('text', replayText(before.id))
  if (userId === null && (await isUsedElsewhere(database.read, workspace.id, textSha256))) {
    findings.bad('text', elsewhereText)
  }
}

/** Whether a signed text was accepted in other workspaces only. */
export async function isUsedElsewhere(db: Kysely<Tables>, workspaceId: number, textSha256: string): Promise<boolean> {
  const used = await db.selectFrom('signed_text').select('workspace_id').where('sha256', '=', textSha256).execute()
  return used.length > 0 && used.every((row) => row.workspace_id !== workspaceId)
}

/** Of what a signature covers, whatever stands around it. */
export function textDigest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** Not where, which is for those who may know it. */
export const elsewhereText =
  'What is signed was accepted in another workspace before; without a token an upload counts once. Send it with a token.'

export function replayText(uploadId: number): string {
  return `What is signed was accepted before, as upload ${uploadId}; an upload counts once. Raise the version, or sign it anew.`
}

async function judgeVersions(
  database: Database,
  { suite }: Submission,
  packages: readonly JudgedPackage[],
  findings: Findings,
): Promise<void> {
  if (!suite.settings.refuseLowerVersions) return
  for (const { file, name, version, architecture } of packages) {
    const higher = await higherVersion(database.read, suite.id, { name, version, architecture })
    if (higher === undefined) continue
    findings.bad(file, `${name} ${version} (${architecture}) is lower than ${higher}, which ${suite.name} has.`)
  }
}
