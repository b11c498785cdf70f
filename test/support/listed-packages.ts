/** Packages that were never files: rows and lists of paths, many of them in little time. */
import { createHash } from 'node:crypto'
import { zstdCompressSync } from 'node:zlib'
import type { Database } from '../../src/database/database.ts'
import { versionKey } from '../../src/debian/version.ts'

export interface ListedPackage {
  readonly name: string
  readonly paths: readonly string[]
}

const ROWS_PER_QUERY = 500
const version = '1.0'

/** Records packages for amd64 as if their .debs had been read. @returns their ids, in order */
export async function keepListed(database: Database, packages: readonly ListedPackage[]): Promise<number[]> {
  const ids: number[] = []
  for (let start = 0; start < packages.length; start += ROWS_PER_QUERY) {
    ids.push(...(await keepSome(database, packages.slice(start, start + ROWS_PER_QUERY))))
  }
  return ids
}

async function keepSome(database: Database, packages: readonly ListedPackage[]): Promise<number[]> {
  return database.write(async (trx) => {
    const now = await database.now(trx)
    const files = await trx
      .insertInto('file')
      .values(packages.map(({ name }) => ({ sha256: digestOf(name), size: 1000, created_at: now })))
      .returning(['id', 'sha256'])
      .execute()
    const fileIds = new Map(files.map((file) => [file.sha256, file.id]))
    const fileOf = (name: string): number => fileIds.get(digestOf(name)) ?? 0
    const rows = await trx
      .insertInto('package')
      .values(
        packages.map(({ name }) => ({
          ...packageRow(name),
          file_id: fileOf(name),
          claimed_in: 0,
          claim: '',
          created_at: now,
        })),
      )
      .returning(['id', 'name'])
      .execute()
    const packageIds = new Map(rows.map((row) => [row.name, row.id]))
    const idOf = (name: string): number => packageIds.get(name) ?? 0
    await trx
      .insertInto('package_file')
      .values(
        packages.map(({ name }) => ({
          package_id: idOf(name),
          name: `${name}_${version}_amd64.deb`,
          file_id: fileOf(name),
        })),
      )
      .execute()
    await trx
      .insertInto('package_contents')
      .values(
        packages.map(({ name, paths }) => ({
          package_id: idOf(name),
          paths: zstdCompressSync(paths.toSorted().join('\n')),
        })),
      )
      .execute()
    return packages.map(({ name }) => idOf(name))
  })
}

function packageRow(name: string) {
  return {
    kind: 'deb' as const,
    name,
    version,
    version_key: versionKey(version),
    architecture: 'amd64',
    source_name: name,
    source_version: version,
    section: 'misc',
    priority: 'optional',
    debug_symbols: 0 as const,
    stanza: `Package: ${name}\nVersion: ${version}\nArchitecture: amd64\nSection: misc\nSize: 1000\n`,
  }
}

function digestOf(name: string): string {
  return createHash('sha256').update(name).digest('hex')
}
