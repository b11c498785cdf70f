/**
 * Records that the bytes of an artifact's file are proven, and completes the artifact when it was the last.
 *
 * Proofs that come at the same time share one transaction of a constant number of statements.
 */
import { sql, type Transaction } from 'kysely'
import { Batcher } from '../common/batcher.ts'
import type { Sha256 } from '../common/digest.ts'
import { AshlarError } from '../common/errors.ts'
import type { Faults } from '../common/faults.ts'
import type { Database } from '../database/database.ts'
import type { Micros, Tables } from '../database/schema.ts'
import { storageError } from '../storage/storage-error.ts'
import type { StoredFile } from '../storage/storage.ts'
import { loadArtifacts, parseData, type Artifact } from './artifact-rows.ts'
import type { ArtifactData } from './categories.ts'
import { withFacts, type PackageReading } from './reading.ts'
import { knownPackages, recordPackages, type ReadPackage } from './record-packages.ts'
import { valueRows } from './value-rows.ts'

/** The bytes of one file are stored and recorded, and good for its artifact. */
export interface Proof {
  readonly artifactId: number
  readonly path: string
  readonly file: StoredFile
  /** What reading it, or another file of the artifact, says of the artifact. */
  readonly facts: ArtifactData
  /** Of the .deb; of the source package for any of its files, as soon as its .dsc is there. */
  readonly reading?: PackageReading
}

/** `needs-source`: this is the last file, but the proof came without the reading of the source package; it is still missing. */
export type ProofOutcome = Artifact | 'needs-source'

const batchMaximum = 500

export interface CompletionsOptions {
  readonly database: Database
  readonly faults: Faults
  /** Told of the uploads that are needed no more, their rows being gone. */
  readonly release: (uploadIds: readonly string[]) => Promise<void>
}

export class Completions {
  readonly #database: Database
  readonly #faults: Faults
  readonly #release: CompletionsOptions['release']
  readonly #batches: Batcher<Proof, ProofOutcome>

  constructor({ database, faults, release }: CompletionsOptions) {
    this.#database = database
    this.#faults = faults
    this.#release = release
    this.#batches = new Batcher(batchMaximum, (proofs) => this.#record(proofs))
  }

  /** @throws AshlarError not-found if the artifact is gone, upload-inconsistent, storage-full, storage-failed */
  async prove(proof: Proof): Promise<ProofOutcome> {
    return await this.#batches.run(proof)
  }

  async #record(proofs: readonly Proof[]): Promise<(ProofOutcome | Error)[]> {
    try {
      await this.#faults.reach('artifact.complete')
    } catch (error) {
      throw storageError(error, 'recording an upload')
    }
    const database = this.#database
    const { outcomes, uploads } = await database.write(async (trx) =>
      recordProofs(trx, proofs, await database.now(trx)),
    )
    // What is left in the spool harms nobody; the sweep takes it.
    await this.#release(uploads).catch(() => {})
    const recorded = proofs.filter((_, index) => outcomes[index] === 'recorded').map((proof) => proof.artifactId)
    const artifacts = await loadArtifacts(database.read, recorded)
    return proofs.map((proof, index) => {
      const outcome = outcomes[index]
      if (outcome === undefined || outcome === 'recorded') return artifacts.get(proof.artifactId) ?? gone(proof)
      return outcome
    })
  }
}

type Recorded = 'recorded' | 'needs-source' | Error

async function recordProofs(
  trx: Transaction<Tables>,
  proofs: readonly Proof[],
  now: Micros,
): Promise<{ outcomes: Recorded[]; uploads: string[] }> {
  const artifacts = await lockArtifacts(trx, proofs)
  const outcomes = proofs.map((proof) => takeFacts(artifacts, proof))
  const good = proofs.filter((_, index) => outcomes[index] === 'recorded')
  if (good.length === 0) return { outcomes, uploads: [] }
  await setFiles(trx, good)
  await recordBinaries(trx, good, now)
  const complete = await completeOnes(trx, good, artifacts, now)
  // An artifact that lacks no file must be complete: after a crash nobody would send one that completes it.
  const early = good.filter((proof) => complete.get(proof.artifactId) === 'needs-source')
  await unsetFiles(trx, early)
  const uploads = await deleteUploads(trx, early.length === 0 ? good : good.filter((proof) => !early.includes(proof)))
  await setData(trx, artifacts, complete, now)
  return { outcomes: outcomes.map((outcome, index) => finalOutcome(outcome, proofs[index], complete)), uploads }
}

function finalOutcome(
  outcome: Recorded,
  proof: Proof | undefined,
  complete: ReadonlyMap<number, 'complete' | 'needs-source'>,
): Recorded {
  if (outcome !== 'recorded' || proof === undefined) return outcome
  return complete.get(proof.artifactId) === 'needs-source' ? 'needs-source' : outcome
}

interface OpenArtifact {
  readonly category: string
  readonly completedAt: Micros | null
  data: ArtifactData
}

/** The artifacts, which nobody else changes until the transaction ends: an update that changes nothing locks its rows. */
async function lockArtifacts(trx: Transaction<Tables>, proofs: readonly Proof[]): Promise<Map<number, OpenArtifact>> {
  const rows = await trx
    .updateTable('artifact')
    .set((eb) => ({ completed_at: eb.ref('completed_at') }))
    .where(
      'id',
      'in',
      [...new Set(proofs.map((proof) => proof.artifactId))].sort((a, b) => a - b),
    )
    .returning(['id', 'category', 'data_json', 'completed_at'])
    .execute()
  return new Map(
    rows.map((row) => [
      row.id,
      { category: row.category, completedAt: row.completed_at, data: parseData(row.data_json) },
    ]),
  )
}

/** Adds to the artifact's data what the proof says of it. */
function takeFacts(artifacts: ReadonlyMap<number, OpenArtifact>, proof: Proof): 'recorded' | Error {
  const artifact = artifacts.get(proof.artifactId)
  if (artifact === undefined) return gone(proof)
  try {
    artifact.data = withFacts(artifact.data, proof.facts, proof.path)
    return 'recorded'
  } catch (error) {
    if (error instanceof AshlarError) return error
    throw error
  }
}

async function setFiles(trx: Transaction<Tables>, proofs: readonly Proof[]): Promise<void> {
  const rows = proofs.map((proof) => [proof.artifactId, proof.path, proof.file.id])
  await sql`
    with proof (artifact_id, path, file_id) as (values ${valueRows(['bigint', 'text', 'bigint'], rows)})
    update artifact_file set file_id = proof.file_id from proof
    where artifact_file.artifact_id = proof.artifact_id and artifact_file.path = proof.path`.execute(trx)
}

async function unsetFiles(trx: Transaction<Tables>, proofs: readonly Proof[]): Promise<void> {
  for (const { artifactId, path } of proofs) {
    await trx
      .updateTable('artifact_file')
      .set({ file_id: null })
      .where('artifact_id', '=', artifactId)
      .where('path', '=', path)
      .execute()
  }
}

async function deleteUploads(trx: Transaction<Tables>, proofs: readonly Proof[]): Promise<string[]> {
  if (proofs.length === 0) return []
  const rows = proofs.map((proof) => [proof.artifactId, proof.path])
  const deleted = await sql<{ id: string }>`
    with proof (artifact_id, path) as (values ${valueRows(['bigint', 'text'], rows)})
    delete from upload where id in (
      select upload.id from proof join upload on upload.artifact_id = proof.artifact_id and upload.path = proof.path
    ) returning id`.execute(trx)
  return deleted.rows.map((row) => row.id)
}

async function recordBinaries(trx: Transaction<Tables>, proofs: readonly Proof[], now: Micros): Promise<void> {
  const packages = proofs.flatMap(({ file, reading }): ReadPackage[] =>
    reading === undefined || reading.kind === 'dsc'
      ? []
      : [{ fileId: file.id, reading, fileIds: new Map([[file.sha256, file.id]]) }],
  )
  await recordPackages(trx, packages, now)
}

/** Which of the artifacts have all their files now, and whether their package is recorded too. */
async function completeOnes(
  trx: Transaction<Tables>,
  proofs: readonly Proof[],
  artifacts: ReadonlyMap<number, OpenArtifact>,
  now: Micros,
): Promise<Map<number, 'complete' | 'needs-source'>> {
  const ids = [...new Set(proofs.map((proof) => proof.artifactId))]
  const rows = await trx
    .selectFrom('artifact_file')
    .select('artifact_id')
    .distinct()
    .where('artifact_id', 'in', ids)
    .where('file_id', 'is', null)
    .execute()
  const waiting = new Set(rows.map((row) => row.artifact_id))
  const complete = new Map<number, 'complete' | 'needs-source'>()
  const sources: number[] = []
  for (const id of ids) {
    if (waiting.has(id)) continue
    complete.set(id, 'complete')
    if (artifacts.get(id)?.category === 'debian:source-package') sources.push(id)
  }
  for (const id of await sourcesWithout(trx, sources, proofs, now)) complete.set(id, 'needs-source')
  return complete
}

/** Records the source packages of artifacts that have all their files. @returns those whose reading is not at hand. */
async function sourcesWithout(
  trx: Transaction<Tables>,
  ids: readonly number[],
  proofs: readonly Proof[],
  now: Micros,
): Promise<number[]> {
  if (ids.length === 0) return []
  const files = await trx
    .selectFrom('artifact_file')
    .select(['artifact_id', 'path', 'sha256', 'file_id'])
    .where('artifact_id', 'in', [...ids])
    .execute()
  const readings = new Map(proofs.flatMap(({ artifactId, reading }) => (reading ? [[artifactId, reading]] : [])))
  const packages: ReadPackage[] = []
  const unread = new Map<number, number>()
  for (const [id, own] of Map.groupBy(files, (file) => file.artifact_id)) {
    const dsc = own.find((file) => file.path.endsWith('.dsc'))?.file_id ?? null
    if (dsc === null) throw new Error(`The source package ${id} has no .dsc`)
    const reading = readings.get(id)
    if (reading === undefined) unread.set(dsc, id)
    else packages.push({ fileId: dsc, reading, fileIds: fileIdsOf(own) })
  }
  await recordPackages(trx, packages, now)
  const known = await knownPackages(trx, [...unread.keys()])
  return [...unread].filter(([dsc]) => !known.has(dsc)).map(([, id]) => id)
}

function fileIdsOf(files: readonly { sha256: string; file_id: number | null }[]): Map<Sha256, number> {
  return new Map(files.flatMap((file) => (file.file_id === null ? [] : [[file.sha256 as Sha256, file.file_id]])))
}

async function setData(
  trx: Transaction<Tables>,
  artifacts: ReadonlyMap<number, OpenArtifact>,
  complete: ReadonlyMap<number, 'complete' | 'needs-source'>,
  now: Micros,
): Promise<void> {
  const rows = [...artifacts]
    .filter(([, artifact]) => artifact.completedAt === null)
    .map(([id, artifact]) => [id, JSON.stringify(artifact.data), complete.get(id) === 'complete' ? now : null])
  if (rows.length === 0) return
  await sql`
    with fresh (id, data_json, completed_at) as (values ${valueRows(['bigint', 'text', 'bigint'], rows)})
    update artifact set data_json = fresh.data_json, completed_at = fresh.completed_at from fresh
    where artifact.id = fresh.id`.execute(trx)
}

function gone(proof: Proof): AshlarError {
  return new AshlarError('not-found', `The artifact ${proof.artifactId} was deleted meanwhile.`)
}
