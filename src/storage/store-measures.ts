/** What is measured of the stores while a server runs: what is recorded already, and no walk through the files. */
import type { Kysely } from 'kysely'
import type { Micros, Tables } from '../database/schema.ts'
import type { Sums } from './figures.ts'
import { troubleIn } from './troubled-copies.ts'

export interface StoreMeasures {
  readonly store: string
  readonly files: number
  readonly bytes: number
  readonly softMaxBytes: number | null
  readonly hardMaxBytes: number | null
  readonly damagedFiles: number
  readonly condemnedBytes: number
  /** When work there was last finished. */
  readonly vacuumedAt: Micros | null
  readonly scrubbedAt: Micros | null
}

export interface ScopeMeasures extends Sums {
  readonly store: string
  readonly scope: string
}

export async function readStoreMeasures(
  db: Kysely<Tables>,
): Promise<{ readonly stores: readonly StoreMeasures[]; readonly scopes: readonly ScopeMeasures[] }> {
  const rows = await db.selectFrom('file_store').selectAll().orderBy('id').execute()
  const stores: StoreMeasures[] = []
  const scopes: ScopeMeasures[] = []
  for (const row of rows) {
    const { damaged, condemned } = await troubleIn(db, row.id)
    stores.push({
      store: row.name,
      files: row.used_files,
      bytes: row.used_bytes,
      softMaxBytes: row.soft_max_bytes,
      hardMaxBytes: row.hard_max_bytes,
      damagedFiles: damaged.files,
      condemnedBytes: condemned.bytes,
      vacuumedAt: await finishedAt(db, `vacuum:${row.id}`),
      scrubbedAt: await finishedAt(db, `scrub:${row.id}`),
    })
    for (const sums of await newestFigures(db, row.id)) scopes.push({ store: row.name, ...sums })
  }
  return { stores, scopes }
}

async function finishedAt(db: Kysely<Tables>, name: string): Promise<Micros | null> {
  const row = await db.selectFrom('maintenance').select('finished_at').where('name', '=', name).executeTakeFirst()
  return row?.finished_at ?? null
}

async function newestFigures(db: Kysely<Tables>, storeId: number): Promise<(Sums & { readonly scope: string })[]> {
  return await db
    .selectFrom('store_figure')
    .innerJoin('scope', 'scope.id', 'store_figure.scope_id')
    .select(['scope.name as scope', 'files', 'bytes', 'logical_bytes as logicalBytes'])
    .where('store_id', '=', storeId)
    .where('taken_at', '=', (eb) =>
      eb
        .selectFrom('store_figure as newest')
        .select((inner) => inner.fn.max<number>('newest.taken_at').as('at'))
        .where('newest.store_id', '=', storeId),
    )
    .execute()
}
