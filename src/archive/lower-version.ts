/** Versions below those that a suite has, where the suite refuses them. */
import type { Kysely } from 'kysely'
import { AshlarError } from '../common/errors.ts'
import type { Tables } from '../database/schema.ts'
import { versionKey } from '../debian/version.ts'
import { headItems } from './suite-items.ts'

interface Versioned {
  readonly name: string
  readonly version: string
  /** `source` for a source package. */
  readonly architecture: string
}

/** The highest version that a suite has now of the same package and architecture, if it is higher than this one. */
export async function higherVersion(db: Kysely<Tables>, suiteId: number, wish: Versioned): Promise<string | undefined> {
  const rows = await headItems(db)
    .select(['package.version', 'package.version_key'])
    .where('item.suite_id', '=', suiteId)
    .where('item.name', '=', wish.name)
    .where('item.architecture', '=', wish.architecture)
    .execute()
  const key = versionKey(wish.version)
  const [first] = rows.filter((row) => row.version_key > key).sort((a, b) => (a.version_key < b.version_key ? 1 : -1))
  return first?.version
}

export function lowerThan(suite: string, item: Versioned, higher: Pick<Versioned, 'version'>): AshlarError {
  return new AshlarError(
    'conflict',
    `The suite '${suite}' refuses versions below its own: it has ${item.name} ${higher.version}, ` +
      `which is higher than ${item.version} (${item.architecture}).`,
  )
}
