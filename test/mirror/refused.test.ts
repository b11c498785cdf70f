/**
 * Upstreams and networks that do what they should not: nothing is half sealed, the message names the cause, and once they
 * behave the next update is right.
 */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { it } from 'node:test'
import { refused } from '../support/archive-world.ts'
import { openSqliteFresh } from '../support/databases.ts'
import { always, faultyProxy, first, type Proxied } from '../support/faulty-proxy.ts'
import { mirrorWorld, type MirrorWorld } from '../support/mirror-world.ts'
import { flipped, tamperingProxy } from '../support/tampering-proxy.ts'
import { dateText, upstreamMissing } from '../support/upstream.ts'

const skip = (await upstreamMissing()) ?? false
const day = 86_400
const nowSeconds = (): number => Date.now() / 1000

/** A mirror that has taken over hello 1.0, of an upstream that now has hello 2.0 beside it. */
async function setUp(): Promise<MirrorWorld> {
  const given = await mirrorWorld(openSqliteFresh)
  await given.upstream.deb({ name: 'hello', version: '1.0' })
  await given.upstream.publish()
  await given.mirror({ lazy: false })
  await given.update()
  await given.upstream.deb({ name: 'hello', version: '2.0', files: { big: Buffer.alloc(200_000, 'x') } })
  return given
}

/** That the suite is as it was, and that nothing of the failed update is left. */
async function assertAsBefore(given: MirrorWorld): Promise<void> {
  assert.deepEqual(await given.packages(), ['hello 1.0'])
  assert.equal(await given.head(), 1)
  const { read } = given.world.db
  const waiting = await read.selectFrom('change').select('id').where('state', 'in', ['preparing', 'pending']).execute()
  assert.deepEqual(waiting, [])
  const items = await read
    .selectFrom('suite_item')
    .innerJoin('change', 'change.id', 'suite_item.added_by')
    .select('suite_item.id')
    .where('change.state', '!=', 'sealed')
    .execute()
  assert.deepEqual(items, [])
}

async function assertRecovers(given: MirrorWorld): Promise<void> {
  await given.upstream.publish({ release: { Date: dateText(nowSeconds()) } })
  await given.update()
  assert.deepEqual(await given.packages(), ['hello 1.0', 'hello 2.0'])
}

it('a signature by a stranger, a bad one, and none are refused', { skip }, async () => {
  await using given = await setUp()
  const { upstream } = given
  const stranger = await upstream.newKey()
  await upstream.publish({ key: stranger })
  await assert.rejects(
    given.update(),
    refused('signature-invalid', /InRelease is signed by the key .* not trusted here/),
  )
  await upstream.publish()
  const signed = (await upstream.read('dists/test/InRelease')).toString()
  await writeFile(`${upstream.directory}/dists/test/InRelease`, signed.replace('Label: Upstream', 'Label: Somebody'))
  await assert.rejects(given.update(), refused('signature-invalid', /is not what the key .* has signed/))
  await upstream.publish({ signed: 'none' })
  await assert.rejects(given.update(), refused('signature-invalid', /is not signed/))
  const { mirror } = await given.mirrors.show(given.world.workspace, 'up')
  assert.deepEqual(
    [mirror.work?.state, mirror.work?.state === 'failed' && mirror.work.code],
    ['failed', 'signature-invalid'],
  )
  await assertAsBefore(given)
  await assertRecovers(given)
})

it('a key that has expired is refused', { skip }, async () => {
  await using given = await mirrorWorld(openSqliteFresh)
  const { upstream } = given
  const longAgo = new Date(Date.now() - 800 * day * 1000)
  const key = await upstream.newKey({ expires: '1y', at: longAgo })
  await upstream.deb({ name: 'hello', version: '1.0' })
  await upstream.publish({ key, signedAt: new Date(longAgo.getTime() + day * 1000) })
  await given.mirror({}, { keyring: key.publicKey })
  await assert.rejects(given.update(), refused('signature-invalid', /has expired/))
})

it('Release with Release.gpg is as good as InRelease', { skip }, async () => {
  await using given = await setUp()
  await given.upstream.publish({ signed: 'Release.gpg' })
  await given.update()
  assert.deepEqual(await given.packages(), ['hello 1.0', 'hello 2.0'])
})

it('an older Release, an expired one, and those of another suite or codename are refused', { skip }, async () => {
  await using given = await setUp()
  const { upstream } = given
  await upstream.publish({ release: { Date: dateText(nowSeconds() - 30 * day) } })
  await assert.rejects(given.update(), refused('upstream-failed', /older than the one of .* that was taken over/))
  await upstream.publish({ release: { 'Valid-Until': dateText(nowSeconds() - day) } })
  await assert.rejects(given.update(), refused('upstream-failed', /was to be relied on until .* only/))
  await upstream.publish({ release: { Date: dateText(nowSeconds() + 2 * day) } })
  await assert.rejects(given.update(), refused('upstream-failed', /in the future/))
  await upstream.publish({ release: { Suite: 'stable', Codename: 'other' } })
  await assert.rejects(given.update(), refused('upstream-failed', /is that of stable, other, not of test/))
  await upstream.publish({ codename: 'next', release: { Date: dateText(nowSeconds()) } })
  await assert.rejects(given.update(), refused('upstream-failed', /is that of next, and the mirror followed test/))
  await assertAsBefore(given)
  const update = await given.update({ acceptsOtherCodename: true })
  assert.equal(update.revision, 2)
})

it('an expired Release can be taken over where that is wanted', { skip }, async () => {
  await using given = await mirrorWorld(openSqliteFresh)
  await given.upstream.deb({ name: 'hello', version: '1.0' })
  await given.upstream.publish({ release: { 'Valid-Until': dateText(nowSeconds() - day) } })
  await given.mirror({ ignoreValidUntil: true })
  assert.equal((await given.update()).added, 1)
})

it('an index that was swapped, cut or grown is refused, by its digest and by its name', { skip }, async () => {
  await using given = await setUp()
  const { upstream } = given
  await upstream.publish()
  let harm = (bytes: Buffer): Buffer => flipped(bytes)
  const isIndex = (path: string): boolean => path.includes('binary-amd64')
  await using proxy = await tamperingProxy(upstream.url.replace(/\/$/, ''), ({ path, bytes }) =>
    isIndex(path) ? harm(bytes) : undefined,
  )
  await given.mirror({ url: proxy.url }, { name: 'through', into: 'through' })
  const update = given.update.bind(undefined, { name: 'through' })
  await assert.rejects(update(), refused('upstream-failed', /Packages\.xz: it has \d+ bytes with the digest/))
  harm = (bytes) => bytes.subarray(0, 10)
  await assert.rejects(update(), refused('upstream-failed', /Packages\.xz: it ended after \d+ of \d+ bytes/))
  harm = (bytes) => Buffer.concat([bytes, bytes])
  await assert.rejects(update(), refused('upstream-failed', /more than the \d+ bytes that its Release lists/))
  await assert.rejects(given.packages('through'), refused('suite-unknown'))
  harm = (bytes) => bytes
  await update()
  assert.deepEqual(await given.packages('through'), ['hello 1.0', 'hello 2.0'])
})

it('a stale file in by-hash is passed over for the one under its name', { skip }, async () => {
  await using given = await setUp()
  await given.upstream.publish()
  await using proxy = await tamperingProxy(given.upstream.url.replace(/\/$/, ''), ({ path }) =>
    path.includes('/by-hash/') ? Buffer.from('stale') : undefined,
  )
  await given.mirror({ url: proxy.url }, { name: 'through', into: 'through' })
  await given.update({ name: 'through' })
  assert.deepEqual(await given.packages('through'), ['hello 1.0', 'hello 2.0'])
})

it('an upstream that changes while it is read is read again', { skip }, async () => {
  await using given = await setUp()
  const { upstream } = given
  await upstream.publish({ byHash: false })
  const before = await upstream.read('dists/test/InRelease')
  await upstream.deb({ name: 'later', version: '1.0' })
  await upstream.publish({ byHash: false })
  // The Release of before, and then everything of the state after it.
  let isFirst = true
  await using proxy = await tamperingProxy(upstream.url.replace(/\/$/, ''), ({ path }) => {
    if (!path.endsWith('/InRelease') || !isFirst) return undefined
    isFirst = false
    return before
  })
  await given.mirror({ url: proxy.url }, { name: 'through', into: 'through' })
  await given.update({ name: 'through' })
  assert.deepEqual(await given.packages('through'), ['hello 1.0', 'hello 2.0', 'later 1.0'])
})

it(
  'a .deb that is cut is continued; one that is another, or is missing, ends the update with nothing sealed',
  { skip },
  async () => {
    await using given = await setUp()
    await given.upstream.publish()
    await using proxy = await faultyProxy(given.upstream.url)
    const isDeb = ({ path }: Proxied): boolean => path.endsWith('hello_2.0_all.deb')
    await given.mirror({ url: proxy.url, lazy: false }, { name: 'through', into: 'through' })
    const update = given.update.bind(undefined, { name: 'through' })
    proxy.plan = always({ kind: 'answer', status: 404, body: 'gone' }, isDeb)
    await assert.rejects(update(), refused('upstream-failed', /mirror-local-main-through has it no more \(404\)/))
    await assert.rejects(given.packages('through'), refused('suite-unknown'))
    await assertAsBefore(given)
    proxy.plan = first(1, { kind: 'cut-answer', afterBytes: 50_000 }, isDeb)
    await update()
    assert.deepEqual(await given.packages('through'), ['hello 1.0', 'hello 2.0'])
    assert.ok(proxy.requests.some((request) => isDeb(request) && request.headers.range?.startsWith('bytes=50000-')))
  },
)

it(
  'a server that is overloaded is asked again; one that says nothing is named, and may be better later',
  { skip },
  async () => {
    await using given = await setUp()
    await given.upstream.publish()
    await using proxy = await faultyProxy(given.upstream.url)
    await given.mirror({ url: proxy.url }, { name: 'through', into: 'through' })
    const update = given.update.bind(undefined, { name: 'through' })
    proxy.plan = always({ kind: 'hang' }, ({ path }) => path.endsWith('InRelease'))
    await assert.rejects(update(), refused('upstream-failed', /InRelease: not a byte in 400 ms/))
    proxy.plan = always({ kind: 'answer', status: 500, body: 'broken' })
    await assert.rejects(update(), refused('upstream-failed', /InRelease: the server answered with status 500/))
    proxy.plan = first(2, { kind: 'answer', status: 503, body: 'later' })
    await update()
    assert.deepEqual(await given.packages('through'), ['hello 1.0', 'hello 2.0'])
  },
)
