/** Packages of which a file was purged: none is put into a suite any more. */
import type { Kysely } from 'kysely'
import { AshlarError } from '../common/errors.ts'
import type { Tables } from '../database/schema.ts'

const idsPerQuery = 4000

/** Those of the packages of which a file was purged, with what they are called. */
export async function purgedPackages(db: Kysely<Tables>, ids: readonly number[]): Promise<Map<number, string>> {
  const purged = new Map<number, string>()
  for (let start = 0; start < ids.length; start += idsPerQuery) {
    const rows = await db
      .selectFrom('package_file')
      // SQLite keeps the order of a cross join: by the packages first.
      .crossJoin('file')
      .crossJoin('package')
      .select(['package.id', 'package.name', 'package.version'])
      .whereRef('file.id', '=', 'package_file.file_id')
      .whereRef('package.id', '=', 'package_file.package_id')
      .where('package_file.package_id', 'in', ids.slice(start, start + idsPerQuery))
      .where('file.gone_reason', '=', 'purged')
      .execute()
    for (const { id, name, version } of rows) purged.set(id, `${name} ${version}`)
  }
  return purged
}

/** @throws AshlarError gone */
export async function refusePurged(db: Kysely<Tables>, ids: readonly number[]): Promise<void> {
  const [name] = (await purgedPackages(db, ids)).values()
  if (name !== undefined) throw new AshlarError('gone', `A file of ${name} was purged; no suite takes it any more.`)
}
