/** What an update takes at most from an upstream that may claim anything: the refusal names the limit and the option. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { refused } from '../support/archive-world.ts'
import { openSqliteFresh } from '../support/databases.ts'
import { always, faultyProxy } from '../support/faulty-proxy.ts'
import { mirrorWorld, type MirrorWorld } from '../support/mirror-world.ts'
import { upstreamMissing } from '../support/upstream.ts'

const skip = (await upstreamMissing()) ?? false

/** A mirror that has taken over hello 1.0, of an upstream that now has a larger hello 2.0 beside it. */
async function setUp(): Promise<MirrorWorld> {
  const given = await mirrorWorld(openSqliteFresh)
  await given.upstream.deb({ name: 'hello', version: '1.0' })
  await given.upstream.publish()
  await given.mirror({ lazy: false })
  await given.update()
  await given.upstream.deb({ name: 'hello', version: '2.0', files: { big: Buffer.alloc(200_000, 'x') } })
  await given.upstream.publish()
  return given
}

const set = async (given: MirrorWorld, settings: object): Promise<unknown> =>
  given.mirrors.set(given.world.workspace, 'up', { settings }, null)

it('an update over a limit is refused before anything is fetched, and goes on with more', { skip }, async () => {
  const cases = [
    [{ maxIndexBytes: 10 }, /Packages\.xz with \d+ bytes, more than the 10 of --max-index that the mirror up allows/],
    [{ maxFetchBytes: 150_000 }, /would fetch \d+ bytes, more than the 150000 of --max-fetch/],
    [{ maxPackages: 1 }, /more than the 1 entries of --max-packages/],
  ] as const
  for (const [limit, message] of cases) {
    await using given = await setUp()
    const { settings } = (await given.mirrors.show(given.world.workspace, 'up')).mirror
    await set(given, limit)
    const before = given.upstream.requests.length
    await assert.rejects(given.update(), refused('upstream-limit', message))
    assert.deepEqual(await given.packages(), ['hello 1.0'])
    const pool = given.upstream.requests.slice(before).filter((request) => request.startsWith('GET /pool/'))
    assert.deepEqual(pool, [])
    await set(given, settings)
    await given.update()
    assert.deepEqual(await given.packages(), ['hello 1.0', 'hello 2.0'])
  }
})

it('a package with a file over the limit is passed over and told', { skip }, async () => {
  await using given = await setUp()
  await set(given, { maxFileBytes: 100_000, lazy: true })
  const { notices } = await given.update()
  assert.match(notices.join(), /hello 2\.0 has a file of \d+ bytes, more than the 100000 of --max-file/)
  assert.deepEqual(await given.packages(), ['hello 1.0'])
})

it('an index that trickles ends the update, which names it', { skip }, async () => {
  await using given = await setUp()
  await using proxy = await faultyProxy(given.upstream.url)
  await set(given, { url: proxy.url })
  proxy.plan = always({ kind: 'trickle-answer', everyMs: 50 }, ({ path }) => path.includes('binary-amd64'))
  await assert.rejects(
    given.update(),
    refused('upstream-failed', /127\.0\.0\.1.*Packages\.xz: it stalls: only \d+ bytes/),
  )
  assert.deepEqual(await given.packages(), ['hello 1.0'])
  proxy.plan = () => undefined
  await given.update()
  assert.deepEqual(await given.packages(), ['hello 1.0', 'hello 2.0'])
})

it('an update that takes too long ends, and names what it waits for', { skip }, async () => {
  await using given = await setUp()
  await using proxy = await faultyProxy(given.upstream.url)
  await set(given, { url: proxy.url })
  const { mirror } = await given.mirrors.show(given.world.workspace, 'up')
  // A mirror gives at least a minute, which is too long here.
  const settings = JSON.stringify({ ...mirror.settings, timeoutSeconds: 2 })
  await given.world.db.write((trx) => trx.updateTable('mirror').set({ settings_json: settings }).execute())
  proxy.plan = always({ kind: 'hang' }, ({ path }) => path.endsWith('.deb'))
  const message = /not done within 2 s.* It was fetching pool\/main\/h\/hello\/hello_2\.0_all\.deb\..* --timeout/
  await assert.rejects(given.update(), refused('upstream-failed', message))
  const { lastWork } = { lastWork: (await given.mirrors.show(given.world.workspace, 'up')).mirror.work }
  assert.equal(lastWork?.state, 'failed')
  assert.deepEqual(await given.packages(), ['hello 1.0'])
  const waiting = await given.world.db.read
    .selectFrom('change')
    .select('id')
    .where('state', 'in', ['preparing', 'pending'])
    .execute()
  assert.deepEqual(waiting, [])
})
