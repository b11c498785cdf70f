import assert from 'node:assert/strict'
import { it } from 'node:test'
import { forEachDialect, type OpenFresh } from '../../test/support/databases.ts'
import { type Database, openDatabase } from './database.ts'
import { acquireLease, assertLease, LeaseLost, releaseLease, renewLease } from './lease.ts'

const minuteMs = 60_000

/** Two Databases on one database, as in two processes. */
async function two(open: OpenFresh): Promise<{ a: Database; b: Database } & AsyncDisposable> {
  const { db, url } = await open()
  const b = await openDatabase(url)
  return { a: db, b, [Symbol.asyncDispose]: () => b.close() }
}

/** Waits, by the clock of the database, until a time is past. */
async function until(db: Database, micros: number): Promise<void> {
  while ((await db.now()) <= micros) await new Promise(setImmediate)
}

forEachDialect((_dialect, open) => {
  it('one holder at a time; the next has a greater fence', async () => {
    await using db = await two(open)
    assert.deepEqual(await acquireLease(db.a, 'seal', 'a', minuteMs), { fence: 1 })
    assert.equal(await acquireLease(db.b, 'seal', 'b', minuteMs), undefined)
    assert.equal(await acquireLease(db.a, 'seal', 'a', minuteMs), undefined)
    await releaseLease(db.a, 'seal', 'a', 1)
    assert.deepEqual(await acquireLease(db.b, 'seal', 'b', minuteMs), { fence: 2 })
  })

  it('leases of different names do not meet', async () => {
    await using db = await two(open)
    assert.deepEqual(await acquireLease(db.a, 'seal', 'a', minuteMs), { fence: 1 })
    assert.deepEqual(await acquireLease(db.b, 'vacuum', 'b', minuteMs), { fence: 1 })
  })

  it('of twenty who ask at once, exactly one gets it, for a new lease and for an expired one', async () => {
    await using db = await two(open)
    const contend = async (round: string): Promise<number[]> => {
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          acquireLease(index % 2 === 0 ? db.a : db.b, 'seal', `${round}-${index}`, 1),
        ),
      )
      return answers.flatMap((answer) => (answer === undefined ? [] : [answer.fence]))
    }
    for (let fence = 1; fence <= 5; fence += 1) {
      // A lease of a millisecond may expire within the round: then its fences still never repeat.
      const fences = await contend(`round-${fence}`)
      assert.ok(fences.length > 0)
      assert.equal(new Set(fences).size, fences.length)
      await until(db.a, (await db.a.now()) + 1000)
    }
    await until(db.a, (await db.a.now()) + 1000)
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        acquireLease(index % 2 === 0 ? db.a : db.b, 'seal', `last-${index}`, minuteMs),
      ),
    )
    assert.equal(answers.filter((answer) => answer !== undefined).length, 1)
    const fresh = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        acquireLease(index % 2 === 0 ? db.a : db.b, 'never-taken', `new-${index}`, minuteMs),
      ),
    )
    assert.deepEqual(
      fresh.filter((answer) => answer !== undefined),
      [{ fence: 1 }],
    )
  })

  it('a late holder is fenced: its work does not commit, it cannot renew, its release frees nothing', async () => {
    await using db = await two(open)
    await acquireLease(db.a, 'seal', 'a', 1)
    await until(db.b, (await db.b.now()) + 2000)
    assert.deepEqual(await acquireLease(db.b, 'seal', 'b', minuteMs), { fence: 2 })

    const late = db.a.write(async (trx) => {
      await trx.insertInto('scope').values({ name: 'late', created_at: 0 }).execute()
      await assertLease(trx, 'seal', 'a', 1)
    })
    await assert.rejects(late, LeaseLost)
    assert.deepEqual(await db.b.read.selectFrom('scope').select('name').execute(), [])
    assert.equal(await renewLease(db.a, 'seal', 'a', 1, minuteMs), false)
    await releaseLease(db.a, 'seal', 'a', 1)
    await db.b.write((trx) => assertLease(trx, 'seal', 'b', 2))
  })

  it('the same holder with an old fence is fenced too', async () => {
    await using db = await two(open)
    await acquireLease(db.a, 'seal', 'a', minuteMs)
    await releaseLease(db.a, 'seal', 'a', 1)
    await acquireLease(db.a, 'seal', 'a', minuteMs)
    await assert.rejects(
      db.a.write((trx) => assertLease(trx, 'seal', 'a', 1)),
      LeaseLost,
    )
    assert.equal(await renewLease(db.a, 'seal', 'a', 1, minuteMs), false)
  })

  it('a lease that is asserted cannot be taken before the commit, though its time is past', async () => {
    await using db = await two(open)
    await acquireLease(db.a, 'seal', 'a', 1)
    await until(db.a, (await db.a.now()) + 2000)
    const asserted = Promise.withResolvers<void>()
    const events: string[] = []
    const work = db.a.write(async (trx) => {
      await assertLease(trx, 'seal', 'a', 1)
      asserted.resolve()
      for (let turn = 0; turn < 50; turn += 1) await db.a.now(trx)
      events.push('work ends')
    })
    await asserted.promise
    const taken = acquireLease(db.b, 'seal', 'b', minuteMs).then((lease) => {
      events.push('lease taken')
      return lease
    })
    await work
    assert.deepEqual(await taken, { fence: 2 })
    assert.deepEqual(events, ['work ends', 'lease taken'])
  })

  it('renewing extends it; a released lease is not revived by renewing', async () => {
    await using db = await two(open)
    await acquireLease(db.a, 'seal', 'a', 1)
    assert.equal(await renewLease(db.a, 'seal', 'a', 1, minuteMs), true)
    await until(db.a, (await db.a.now()) + 2000)
    assert.equal(await acquireLease(db.b, 'seal', 'b', minuteMs), undefined)
    await releaseLease(db.a, 'seal', 'a', 1)
    assert.equal(await renewLease(db.a, 'seal', 'a', 1, minuteMs), false)
    assert.deepEqual(await acquireLease(db.b, 'seal', 'b', minuteMs), { fence: 2 })
  })
})
