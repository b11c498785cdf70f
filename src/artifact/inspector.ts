/** Reads the files that a category tells to read, each package once. */
import { Batcher } from '../common/batcher.ts'
import type { Sha256 } from '../common/digest.ts'
import type { Database } from '../database/database.ts'
import type { SpooledFile, Storage, StoredFile } from '../storage/storage.ts'
import type { ArtifactData, Category } from './categories.ts'
import { fileNameOf } from './file-path.ts'
import type { CopyRequest, PackageReader, ReadRequest } from './package-reader.ts'
import {
  compareListed,
  factsOf,
  factsOfBinary,
  type PackageIdentity,
  type PackageReading,
  type Reading,
} from './reading.ts'
import type { AnnouncedFile } from './wish.ts'

/** What a file says of its artifact. */
export interface Inspection {
  readonly facts: ArtifactData
  /** What is to be recorded of the package; undefined if it is no package, or known already. */
  readonly reading?: PackageReading
}

export interface Inspected {
  readonly category: Category
  /** The path of the file within the artifact. */
  readonly path: string
  /** Every file of the artifact; asked for only where the file lists others. */
  readonly files: () => Promise<readonly AnnouncedFile[]>
}

/** Where bytes lie for as long as they are read. */
type Bytes = Omit<ReadRequest, 'as' | 'fileName'>

const nothing: Inspection = { facts: {} }
const lookUpMaximum = 1000

export class Inspector {
  readonly #storage: Storage
  readonly #reader: PackageReader
  readonly #known: Batcher<Sha256, PackageIdentity | null>

  constructor(database: Database, storage: Storage, reader: PackageReader) {
    this.#storage = storage
    this.#reader = reader
    this.#known = new Batcher(lookUpMaximum, (digests) => knownBinaries(database, digests))
  }

  /** Inspects bytes that are still in the spool. @throws AshlarError, as the formats do and upload-inconsistent */
  async inspectSpooled(what: Inspected, spooled: SpooledFile): Promise<Inspection> {
    return await this.#inspect(what, spooled.sha256, (read) => read(spooled))
  }

  /** Inspects bytes that are stored. */
  async inspectStored(what: Inspected, file: StoredFile, scopeId: number): Promise<Inspection> {
    const { sha256, sizeBytes } = file
    return await this.#inspect(what, sha256, async (read) => {
      await using local = await this.#storage.local(file, scopeId)
      return await read({ path: local.path, sha256, sizeBytes })
    })
  }

  /** Reads a .deb or .dsc that is stored, by itself. @throws AshlarError, as the formats do */
  async readStored(path: string, file: StoredFile, scopeId: number): Promise<Reading> {
    await using local = await this.#storage.local(file, scopeId)
    const { sha256, sizeBytes } = file
    const as = path.endsWith('.dsc') ? 'source' : 'binary'
    return await this.#reader.read({ as, path: local.path, fileName: fileNameOf(path), sha256, sizeBytes })
  }

  /** Copies a small local .deb into the spool and reads the copy, as PackageReader.copy. */
  async copyBinary(
    wish: Omit<CopyRequest, 'as'>,
  ): Promise<{ spooled: SpooledFile; package: PackageReading } | undefined> {
    return await this.#reader.copy({ as: 'copy', ...wish })
  }

  async #inspect(
    { category, path, files }: Inspected,
    sha256: Sha256,
    withBytes: (read: (bytes: Bytes) => Promise<Reading>) => Promise<Reading>,
  ): Promise<Inspection> {
    const as = category.reads(path)
    if (as === undefined) return nothing
    if (as === 'binary') {
      const known = await this.#known.run(sha256)
      if (known !== null) return { facts: factsOfBinary(category, known) }
    }
    const reading = await withBytes((bytes) => {
      const md5 = bytes.md5 === undefined ? {} : { md5: bytes.md5 }
      const { path: place, sizeBytes } = bytes
      return this.#reader.read({ as, path: place, fileName: fileNameOf(path), sha256, sizeBytes, ...md5 })
    })
    if (reading.kind !== 'binary') compareListed(reading, await files(), path)
    const facts = factsOf(category, reading)
    return reading.kind === 'changes' ? { facts } : { facts, reading: reading.package }
  }
}

/** Which of the digests are .debs that were read before. Who has sent the bytes has proven to have them. */
async function knownBinaries(
  database: Database,
  digests: readonly Sha256[],
): Promise<readonly (PackageIdentity | null)[]> {
  const rows = await database.read
    .selectFrom('file')
    .innerJoin('package', 'package.file_id', 'file.id')
    .select([
      'file.sha256',
      'package.name',
      'package.version',
      'package.architecture',
      'package.source_name as sourceName',
      'package.source_version as sourceVersion',
    ])
    .where('file.sha256', 'in', [...new Set(digests)])
    // What the index of a mirror claims of a file is no reading of it.
    .where('package.claimed_in', '=', 0)
    .where('package.kind', '!=', 'dsc')
    .execute()
  const known = new Map(rows.map(({ sha256, ...identity }) => [sha256, identity]))
  return digests.map((digest) => known.get(digest) ?? null)
}
