/** A database of before the options were called `filter` and `withDeps`: what was asked for then means the same now. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { type Kysely, sql } from 'kysely'
import type { Database } from '../../src/database/database.ts'
import * as filterNames from '../../src/database/migrations/0011-filter-names.ts'
import { forEachDialect } from '../support/databases.ts'
import { mirrorWorld } from '../support/mirror-world.ts'
import { upstreamMissing } from '../support/upstream.ts'

const skip = (await upstreamMissing()) ?? false

forEachDialect((_dialect, openFresh) => {
  it('changes and mirrors of an older database keep their filters', { skip }, async () => {
    await using given = await mirrorWorld(openFresh)
    await given.upstream.deb({ name: 'hello', version: '1.0' })
    await given.upstream.publish()
    await given.mirror({ filter: 'hello', withDeps: true })
    await given.update()
    await given.world.suite('ours')
    const from = { suite: 'test' }
    await given.world.submit({ kind: 'copy', suite: 'ours', from, filter: '$Version (= 1.0), !query', withDeps: true })
    const { db } = given.world
    const before = await recorded(db)
    await db.write(async (trx) => {
      for (const [table, column] of columns) {
        const json = sql.ref(column)
        await sql`update ${sql.table(table)} set ${json} =
          replace(replace(${json}, 'filter', 'query'), 'withDeps', 'withDependencies')`.execute(trx)
      }
    })
    assert.notDeepEqual(await recorded(db), before)
    await db.write((trx) => filterNames.up(trx as unknown as Kysely<unknown>))
    assert.deepEqual(await recorded(db), before)
  })
})

const columns = [
  ['change', 'request_json'],
  ['mirror', 'settings_json'],
  ['mirror', 'state_json'],
] as const

async function recorded(db: Database): Promise<unknown[]> {
  const changes = await db.read.selectFrom('change').select('request_json').orderBy('id').execute()
  const mirrors = await db.read.selectFrom('mirror').select(['settings_json', 'state_json']).orderBy('id').execute()
  return [...changes, ...mirrors]
}
