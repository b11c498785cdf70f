import assert from 'node:assert/strict'
import { it } from 'node:test'
import { startProgram } from '../../test/support/child.ts'
import { forEachDialect } from '../../test/support/databases.ts'
import type { Database } from './database.ts'

const writeScopes = new URL('../../test/support/programs/write-scopes.ts', import.meta.url)
const openDatabaseProgram = new URL('../../test/support/programs/open-database.ts', import.meta.url)

/** The parts of each transaction that are there, by its number. */
async function partsByNumber(db: Database): Promise<Map<number, number>> {
  const rows = await db.read
    .selectFrom('scope')
    .select(({ fn }) => ['created_at as number', fn.countAll<number>().as('parts')])
    .groupBy('created_at')
    .execute()
  return new Map(rows.map((row) => [row.number, row.parts]))
}

forEachDialect((_dialect, open) => {
  it('a process killed in the middle of a transaction leaves no half of it, and no lock', async () => {
    const { db, url } = await open()
    await using child = startProgram(writeScopes, [url, 'half'])
    assert.equal(await child.line(), '1')
    assert.equal(await child.line(), 'half')
    await child.kill('SIGKILL')
    assert.deepEqual(await partsByNumber(db), new Map([[1, 3]]))
    await db.write((trx) => trx.insertInto('scope').values({ name: '2a', created_at: 2 }).execute())
    assert.equal((await partsByNumber(db)).get(2), 1)
  })

  it('a process killed at any moment keeps what it acknowledged, each transaction whole', async () => {
    for (const acknowledged of [1, 7, 30]) {
      const { db, url, drop } = await open()
      await using child = startProgram(writeScopes, [url, 'all'])
      let last = 0
      while (last < acknowledged) last = Number(await child.line())
      await child.kill('SIGKILL')
      for (let line = await child.line(); line !== undefined; line = await child.line()) last = Number(line)
      const parts = await partsByNumber(db)
      for (let number = 1; number <= last; number += 1) assert.equal(parts.get(number), 3, `transaction ${number}`)
      assert.deepEqual(new Set(parts.values()), new Set([3]))
      await drop()
    }
  })

  it('a program that leaves its database open ends all the same', async () => {
    const { url } = await open()
    await using child = startProgram(openDatabaseProgram, [url, 'leave'])
    assert.equal(await child.line(), 'open')
    assert.equal(await child.ended(), 0)
  })
})
