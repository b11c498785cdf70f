/**
 * Bringing a suite's packages back to those of a revision; its settings stay as they are. What has been purged since is
 * left out, as nobody could fetch it.
 */
import { AshlarError } from '../../common/errors.ts'
import { resolveSnapshot } from '../archive-table.ts'
import type { PackageLine } from '../change-request.ts'
import type { At } from '../moment.ts'
import type { Effect, PlanState } from '../effect.ts'
import { forgetWritten, writeHeld } from '../held-write.ts'
import { purgedPackages } from '../purged-packages.ts'
import { headItems, itemPages, itemsAt, type ItemsQuery, type WholeItem } from '../suite-items.ts'
import { suitesAt } from '../suite-table.ts'

export async function rollBack(state: PlanState, effect: Effect, to: At): Promise<void> {
  const { database } = state
  const revision = await resolveSnapshot(database, state.archive, to)
  const then = await suitesAt(database.read, state.archive.id, revision)
  if (!then.all.some((suite) => suite.id === effect.suite.id)) {
    throw new AshlarError('snapshot-unknown', `The suite '${effect.suite.name}' did not exist at ${to}.`)
  }
  await forgetWritten(state, effect.changeId)

  const wanted = new Set<string>()
  for await (const page of itemPages(itemsAt(database.read, revision), effect.suite.id)) {
    const purged = await purgedPackages(
      database.read,
      page.map((row) => row.package_id),
    )
    for (const row of page) {
      if (purged.has(row.package_id)) effect.leftOut.push(lineOf(row))
      else wanted.add(placement(row))
    }
  }
  const have = new Set<string>()
  for await (const row of items(headItems(database.read, state.sealing), effect.suite.id)) {
    if (state.has(row.id)) continue
    if (wanted.has(placement(row))) {
      have.add(placement(row))
      continue
    }
    effect.removed.add(row.id)
    effect.touch({ component: row.component, kind: row.map_kind, architecture: row.architecture }, row.entry_key)
  }
  let batch: WholeItem[] = []
  const restore = async (): Promise<void> => {
    const rows = batch
    batch = []
    if (rows.length === 0) return
    const values = rows.map(({ id: _id, version: _version, ...row }) => ({
      ...row,
      added_by: effect.changeId,
      removed_by: null,
    }))
    await writeHeld(state, (trx) => trx.insertInto('suite_item').values(values).execute())
  }
  for await (const row of items(itemsAt(database.read, revision), effect.suite.id)) {
    if (have.has(placement(row)) || !wanted.has(placement(row))) continue
    effect.touch({ component: row.component, kind: row.map_kind, architecture: row.architecture }, row.entry_key)
    batch.push(row)
    if (batch.length >= 200) await restore()
  }
  await restore()
}

async function* items(query: ItemsQuery, suiteId: number): AsyncGenerator<WholeItem, void, undefined> {
  for await (const page of itemPages(query, suiteId)) yield* page
}

function lineOf({ name, version, architecture, component }: WholeItem): PackageLine {
  return { name, version, architecture, component }
}

function placement(row: WholeItem): string {
  return `${row.package_id} ${row.component} ${row.map_kind} ${row.directory} ${row.section ?? ''} ${row.priority ?? ''}`
}
