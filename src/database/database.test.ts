import assert from 'node:assert/strict'
import { it } from 'node:test'
import { forEachDialect } from '../../test/support/databases.ts'
import { type Database, openDatabase } from './database.ts'

async function addScope(db: Database, name: string, createdAt = 0): Promise<void> {
  await db.write((trx) => trx.insertInto('scope').values({ name, created_at: createdAt }).execute())
}

async function scopeNames(db: Database): Promise<string[]> {
  return (await db.read.selectFrom('scope').select('name').orderBy('name').execute()).map((scope) => scope.name)
}

it('refuses a URL that names no database, without repeating its password', async () => {
  for (const url of ['mysql://root:secret@host/x', '/var/lib/x.db', 'sqlite:', 'sqlite::memory:']) {
    await assert.rejects(openDatabase(url), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'database-unusable')
      assert.doesNotMatch(error.message, /secret/)
      return true
    })
  }
})

forEachDialect((dialect, open) => {
  it('a read that starts after a write has resolved sees it', async () => {
    const { db } = await open()
    for (let round = 0; round < 50; round += 1) {
      await addScope(db, `scope-${round}`, round)
      const row = await db.read
        .selectFrom('scope')
        .select('created_at')
        .where('name', '=', `scope-${round}`)
        .executeTakeFirst()
      assert.deepEqual(row, { created_at: round })
    }
  })

  it('a throw rolls back all that the deed wrote, and reaches the caller', async () => {
    const { db } = await open()
    const deed = db.write(async (trx) => {
      await trx.insertInto('scope').values({ name: 'lost', created_at: 0 }).execute()
      throw new RangeError('changed my mind')
    })
    await assert.rejects(deed, RangeError)
    assert.deepEqual(await scopeNames(db), [])
    await addScope(db, 'kept')
    assert.deepEqual(await scopeNames(db), ['kept'])
  })

  it('a deed that asks nothing of the database, or throws first, harms nothing', async () => {
    const { db } = await open()
    assert.equal(await db.write(async () => 7), 7)
    await assert.rejects(
      db.write(() => Promise.reject(new RangeError('early'))),
      RangeError,
    )
    await addScope(db, 'after')
    assert.deepEqual(await scopeNames(db), ['after'])
  })

  it('reads during a write see the state before it, its own transaction sees its changes', async () => {
    const { db } = await open()
    await addScope(db, 'before')
    await db.write(async (trx) => {
      await trx.insertInto('scope').values({ name: 'during', created_at: 0 }).execute()
      assert.deepEqual(await scopeNames(db), ['before'])
      const own = await trx.selectFrom('scope').select('name').orderBy('name').execute()
      assert.deepEqual(own, [{ name: 'before' }, { name: 'during' }])
    })
    assert.deepEqual(await scopeNames(db), ['before', 'during'])
  })

  it('as many writes as there may ever be at once can all read meanwhile', async () => {
    const { db } = await open()
    await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        db.write(async (trx) => {
          await trx
            .insertInto('scope')
            .values({ name: `scope-${index}`, created_at: 0 })
            .execute()
          await scopeNames(db)
        }),
      ),
    )
    assert.equal((await scopeNames(db)).length, 40)
  })

  it('a read-modify-write of one locked row loses no update', async () => {
    const { db } = await open()
    await addScope(db, 'counter')
    const increment = (): Promise<void> =>
      db.write(async (trx) => {
        await trx
          .updateTable('scope')
          .set((row) => ({ created_at: row('created_at', '+', 1) }))
          .where('name', '=', 'counter')
          .execute()
      })
    await Promise.all(Array.from({ length: 30 }, increment))
    assert.deepEqual(await db.read.selectFrom('scope').select('created_at').execute(), [{ created_at: 30 }])
  })

  it('a write within a write is refused instead of waiting for itself', async () => {
    const { db } = await open()
    await assert.rejects(
      db.write(() => addScope(db, 'inner')),
      /write within a write/,
    )
  })

  it('what a deed started may write once the deed is done', async () => {
    const { db } = await open()
    const done = Promise.withResolvers<void>()
    const later = await db.write(async () => ({ write: done.promise.then(() => addScope(db, 'later')) }))
    done.resolve()
    await later.write
    assert.deepEqual(await scopeNames(db), ['later'])
  })

  it('a failed statement dooms its transaction, also if the deed catches the error', async () => {
    const { db } = await open()
    await addScope(db, 'taken')
    const deed = db.write(async (trx) => {
      await trx.insertInto('scope').values({ name: 'first', created_at: 0 }).execute()
      await trx
        .insertInto('scope')
        .values({ name: 'taken', created_at: 0 })
        .execute()
        .catch(() => {})
    })
    await assert.rejects(deed, /nothing was committed/)
    assert.deepEqual(await scopeNames(db), ['taken'])
  })

  it('the read side refuses to write', async () => {
    const { db } = await open()
    await assert.rejects(db.read.insertInto('scope').values({ name: 'x', created_at: 0 }).execute())
    assert.deepEqual(await scopeNames(db), [])
  })

  it('a stream shows one state while others read and write beside it', async () => {
    const { db } = await open()
    const rows = Array.from({ length: 500 }, (_, index) => ({ name: `scope-${index}`, created_at: 0 }))
    await db.write((trx) => trx.insertInto('scope').values(rows).execute())
    let seen = 0
    for await (const row of db.read.selectFrom('scope').selectAll().stream(100)) {
      assert.equal(row.created_at, 0)
      if (seen === 0) {
        await db.write((trx) => trx.updateTable('scope').set({ created_at: 1 }).execute())
        const [fresh] = await db.read.selectFrom('scope').select('created_at').limit(1).execute()
        assert.deepEqual(fresh, { created_at: 1 })
      }
      seen += 1
    }
    assert.equal(seen, 500)
  })

  it('a long stream lets other work have its turn', async () => {
    const { db } = await open()
    const rows = Array.from({ length: 1000 }, (_, index) => ({ name: `scope-${index}`, created_at: 0 }))
    await db.write((trx) => trx.insertInto('scope').values(rows).execute())
    const turns = { taken: 0, wanted: true }
    const takeTurn = (): void => {
      turns.taken += 1
      if (turns.wanted) setImmediate(takeTurn)
    }
    setImmediate(takeTurn)
    let seen = 0
    for await (const row of db.read.selectFrom('scope').select('id').stream(100)) seen += Math.sign(row.id)
    turns.wanted = false
    assert.equal(seen, 1000)
    assert.ok(turns.taken >= 9, `${turns.taken} turns`)
  })

  it('a stream that is left early lets go of its connection', async () => {
    const { db } = await open()
    const rows = Array.from({ length: 300 }, (_, index) => ({ name: `scope-${index}`, created_at: 0 }))
    await db.write((trx) => trx.insertInto('scope').values(rows).execute())
    for (let round = 0; round < 30; round += 1) {
      for await (const row of db.read.selectFrom('scope').selectAll().stream(10)) {
        assert.equal(row.created_at, 0)
        break
      }
    }
    assert.equal((await scopeNames(db)).length, 300)
  })

  it('a read transaction shows one state', async () => {
    const { db } = await open()
    await addScope(db, 'one')
    await db.read.transaction().execute(async (snapshot) => {
      const before = await snapshot.selectFrom('scope').select('name').execute()
      await addScope(db, 'two')
      assert.deepEqual(await snapshot.selectFrom('scope').select('name').execute(), before)
    })
    assert.deepEqual(await scopeNames(db), ['one', 'two'])
  })

  it('reads never see half of a transaction', async () => {
    const { db } = await open()
    await db.write((trx) =>
      trx
        .insertInto('scope')
        .values([
          { name: 'a', created_at: 0 },
          { name: 'b', created_at: 0 },
        ])
        .execute(),
    )
    const progress = { writing: true }
    const writer = (async (): Promise<void> => {
      for (let value = 1; value <= 60; value += 1) {
        await db.write(async (trx) => {
          await trx.updateTable('scope').set({ created_at: value }).where('name', '=', 'a').execute()
          await trx.updateTable('scope').set({ created_at: value }).where('name', '=', 'b').execute()
        })
      }
      progress.writing = false
    })()
    while (progress.writing) {
      const [a, b] = await db.read.selectFrom('scope').select('created_at').orderBy('name').execute()
      assert.equal(a?.created_at, b?.created_at)
      await new Promise(setImmediate)
    }
    await writer
  })

  it('the clock counts microseconds of UTC, in and out of a transaction', async () => {
    const { db } = await open()
    const before = Date.now() * 1000
    const times = [await db.now(), await db.write((trx) => db.now(trx)), await db.now()]
    const after = (Date.now() + 1) * 1000
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
    )
    for (const time of times) {
      assert.ok(Number.isSafeInteger(time))
      assert.ok(time >= before && time <= after, `${time} lies between ${before} and ${after}`)
    }
  })

  it('closing waits for a write under way; afterwards the database says so', async () => {
    const { db, url } = await open()
    const write = db.write(async (trx) => {
      await trx.insertInto('scope').values({ name: 'last', created_at: 0 }).execute()
    })
    await db.close()
    await write
    await assert.rejects(addScope(db, 'late'))
    await using again = await openDatabase(url)
    assert.deepEqual(await scopeNames(again), ['last'])
  })

  if (dialect === 'postgres') {
    it('a deed that met a deadlock runs again', async () => {
      const { db } = await open()
      await addScope(db, 'a')
      await addScope(db, 'b')
      const bothHoldOne = Promise.withResolvers<void>()
      let holding = 0
      let runs = 0
      const touch = (first: string, second: string): Promise<void> =>
        db.write(async (trx) => {
          runs += 1
          const increment = (name: string): Promise<unknown> =>
            trx
              .updateTable('scope')
              .set((row) => ({ created_at: row('created_at', '+', 1) }))
              .where('name', '=', name)
              .execute()
          await increment(first)
          holding += 1
          if (holding === 2) bothHoldOne.resolve()
          await bothHoldOne.promise
          await increment(second)
        })
      await Promise.all([touch('a', 'b'), touch('b', 'a')])
      // Three times, or more: the one that runs again may be faster than the other and meet it once more.
      assert.ok(runs >= 3, `${runs} runs`)
      const rows = await db.read.selectFrom('scope').select('created_at').execute()
      assert.deepEqual(rows, [{ created_at: 2 }, { created_at: 2 }])
    })
  }
})
