import assert from 'node:assert/strict'
import { it } from 'node:test'
import { forEachDialect } from '../../test/support/databases.ts'

forEachDialect((_dialect, open) => {
  void it('a read that starts after a write has resolved sees it', async () => {
    const { db } = await open()
    for (let round = 0; round < 50; round += 1) {
      const name = `scope-${round}`
      await db.write((trx) => trx.insertInto('scope').values({ name, created_at: round }).execute())
      const row = await db.read.selectFrom('scope').select('created_at').where('name', '=', name).executeTakeFirst()
      assert.deepEqual(row, { created_at: round })
    }
  })
})
