/** Changing what is mirrored: the next update makes the suite so, also if upstream has nothing new. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { refused } from '../support/archive-world.ts'
import { forEachDialect } from '../support/databases.ts'
import { mirrorWorld, type MirrorWorld } from '../support/mirror-world.ts'
import { makeUpstream, upstreamMissing } from '../support/upstream.ts'

const skip = (await upstreamMissing()) ?? false

const set = async (given: MirrorWorld, settings: object, keyring?: string): Promise<unknown> =>
  given.mirrors.set(
    given.world.workspace,
    'up',
    { settings, ...(keyring !== undefined && { keyring: Buffer.from(keyring) }) },
    null,
  )

forEachDialect((_dialect, openFresh) => {
  it('another filter, and others components, take effect although upstream has nothing new', { skip }, async () => {
    await using given = await mirrorWorld(openFresh)
    const { upstream } = given
    await upstream.deb({ name: 'web', version: '1.0', depends: 'libweb' })
    await upstream.deb({ name: 'libweb', version: '1.0' })
    await upstream.deb({ name: 'game', version: '1.0' }, 'contrib')
    await upstream.publish()
    await given.mirror({ filter: 'web' })
    await given.update()
    assert.deepEqual(await given.packages(), ['web 1.0'])
    await set(given, { withDeps: true })
    await given.update()
    assert.deepEqual(await given.packages(), ['libweb 1.0', 'web 1.0'])
    await set(given, { filter: null })
    assert.equal((await given.update()).unchanged, false)
    assert.deepEqual(await given.packages(), ['game 1.0', 'libweb 1.0', 'web 1.0'])
    await set(given, { components: ['contrib'] })
    await given.update()
    assert.deepEqual(await given.packages(), ['game 1.0'])
    assert.equal((await given.update()).unchanged, true)
    assert.deepEqual(await given.packages('test', 'r1'), ['web 1.0'])
  })

  it('an archive that moved is followed, and what was listed comes from there', { skip }, async () => {
    await using given = await mirrorWorld(openFresh)
    const { upstream } = given
    const path = await upstream.deb({ name: 'hello', version: '1.0' })
    await upstream.publish()
    await given.mirror()
    await given.update()
    await using elsewhere = await makeUpstream()
    await elsewhere.file(path, `${upstream.directory}/${path}`)
    await elsewhere.deb({ name: 'hello', version: '2.0' })
    await elsewhere.publish()
    await upstream.delete(path)
    await set(given, { url: elsewhere.url })
    await assert.rejects(given.update(), refused('signature-invalid'))
    await set(given, {}, elsewhere.key.publicKey)
    await given.update()
    assert.deepEqual(await given.packages(), ['hello 1.0', 'hello 2.0'])
    assert.ok((await given.download(path)).equals(await elsewhere.read(path)))
  })

  it('another suite is taken over although its Release is older, and guarded from then on', { skip }, async () => {
    await using given = await mirrorWorld(openFresh)
    const { upstream } = given
    await upstream.deb({ name: 'hello', version: '1.0' })
    await upstream.publish({ suite: 'next' })
    await upstream.publish()
    await given.mirror()
    await given.update()
    await set(given, { upstreamSuite: 'next' })
    assert.deepEqual((await given.update()).unchanged, false)
    const { mirror } = await given.mirrors.show(given.world.workspace, 'up')
    assert.equal(mirror.state?.codename, 'next')
    await upstream.publish({ suite: 'next', codename: 'other' })
    await assert.rejects(given.update(), refused('upstream-failed', /--accept-codename/))
  })

  it('what cannot be is refused, and nothing changes', { skip }, async () => {
    await using given = await mirrorWorld(openFresh)
    await given.mirror({ everySeconds: 3600 })
    const before = (await given.mirrors.show(given.world.workspace, 'up')).mirror
    await assert.rejects(set(given, { filter: 'Name (' }), refused('query-invalid'))
    await assert.rejects(set(given, { url: 'ftp://a/' }), refused('request-invalid'))
    await assert.rejects(set(given, {}, 'no key'), refused('keyring-invalid'))
    assert.deepEqual((await given.mirrors.show(given.world.workspace, 'up')).mirror, before)
    await set(given, { everySeconds: null })
    assert.equal((await given.mirrors.show(given.world.workspace, 'up')).mirror.nextAt, null)
  })
})
