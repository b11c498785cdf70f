/** A suite follows one of another archive: what comes and goes there comes and goes here, one revision for each state. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { forEachDialect } from '../support/databases.ts'
import { mirrorWorld } from '../support/mirror-world.ts'
import { upstreamMissing } from '../support/upstream.ts'
import { refused } from '../support/archive-world.ts'

const skip = (await upstreamMissing()) ?? false

forEachDialect((_dialect, openFresh) => {
  it(
    'an update takes over packages, sources and settings as one revision, and a second one finds nothing new',
    { skip },
    async () => {
      await using given = await mirrorWorld(openFresh)
      const { upstream } = given
      await upstream.deb({ name: 'hello', version: '1.0' })
      await upstream.deb({ name: 'tool', version: '1:2.0-1', architecture: 'amd64', source: 'tools', section: 'utils' })
      await upstream.source('tools', '2.0')
      await upstream.publish({ suite: 'test', codename: 'codename', release: { Label: 'Of upstream' } })
      await given.mirror({ sources: true })
      const first = await given.update()
      assert.deepEqual([first.revision, first.added, first.unchanged], [1, 3, false])
      assert.deepEqual(await given.packages(), ['hello 1.0', 'tool 1:2.0-1', 'tools 2.0'])
      const { settings } = await given.world.archives.suite(given.world.workspace, 'test')
      assert.deepEqual(
        [settings.suite, settings.codename, settings.origin, settings.label, settings.architectures],
        ['test', 'codename', 'Upstream', 'Of upstream', ['amd64']],
      )
      const again = await given.update()
      assert.deepEqual([again.revision, again.unchanged], [1, true])
      assert.equal(await given.head(), 1)
    },
  )

  it('a Release that only has a new date makes no revision', { skip }, async () => {
    await using given = await mirrorWorld(openFresh)
    await given.upstream.deb({ name: 'hello', version: '1.0' })
    await given.upstream.publish()
    await given.mirror()
    await given.update()
    await given.upstream.publish()
    const again = await given.update()
    assert.deepEqual([again.unchanged, await given.head()], [true, 1])
  })

  it(
    'what upstream adds, replaces and removes is one revision, and the snapshot before it stays',
    { skip },
    async () => {
      await using given = await mirrorWorld(openFresh)
      const { upstream } = given
      await upstream.deb({ name: 'hello', version: '1.0' })
      const old = await upstream.deb({ name: 'stays', version: '1.0' })
      const gone = await upstream.deb({ name: 'goes', version: '1.0' })
      await upstream.publish()
      await given.mirror()
      await given.update()
      await upstream.delete(gone)
      await upstream.delete(old.replace('stays/stays', 'stays/stays'))
      await upstream.deb({ name: 'stays', version: '1.1' })
      await upstream.deb({ name: 'new', version: '3.0' })
      await upstream.publish()
      const update = await given.update()
      assert.deepEqual([update.revision, update.added, update.removed], [2, 2, 2])
      assert.deepEqual(await given.packages(), ['hello 1.0', 'new 3.0', 'stays 1.1'])
      assert.deepEqual(await given.packages('test', 'r1'), ['goes 1.0', 'hello 1.0', 'stays 1.0'])
    },
  )

  it(
    'a version that upstream builds again goes to a second path, and the first stays what it was',
    { skip },
    async () => {
      await using given = await mirrorWorld(openFresh)
      const { upstream } = given
      const path = await upstream.deb({ name: 'hello', version: '1.0' })
      await upstream.publish()
      await given.mirror({ lazy: false })
      await given.update()
      const first = await given.download(path)
      await upstream.deb({ name: 'hello', version: '1.0', files: { other: 'bytes' } })
      await upstream.publish()
      await given.update()
      assert.ok((await given.download(path)).equals(first))
      const { items } = await given.world.archives.packages(given.world.workspace, { suite: 'test' }, { limit: 10 })
      assert.match(items[0]?.directory ?? '', /^pool\/main\/h\/hello\/[0-9a-f]{12}$/)
    },
  )

  it('a component that upstream has no more takes its packages with it', { skip }, async () => {
    await using given = await mirrorWorld(openFresh)
    const { upstream } = given
    await upstream.deb({ name: 'hello', version: '1.0' })
    const other = await upstream.deb({ name: 'extra', version: '1.0' }, 'contrib')
    await upstream.publish()
    await given.mirror()
    await given.update()
    assert.deepEqual(await given.packages(), ['extra 1.0', 'hello 1.0'])
    await upstream.delete(other)
    await upstream.publish({ release: { Components: 'main' } })
    await given.update()
    assert.deepEqual(await given.packages(), ['hello 1.0'])
  })

  it('only the components, architectures and forms that are asked for are fetched', { skip }, async () => {
    await using given = await mirrorWorld(openFresh)
    const { upstream } = given
    await upstream.deb({ name: 'hello', version: '1.0' })
    await upstream.deb({ name: 'extra', version: '1.0' }, 'contrib')
    await upstream.publish({ forms: ['gz'], byHash: false })
    await given.mirror({ components: ['main'] })
    await given.update()
    const indexes = upstream.requests.filter((request) => !request.includes('Release'))
    assert.deepEqual(indexes, ['GET /dists/test/main/binary-amd64/Packages.gz'])
    await assert.rejects(
      async () => {
        await given.mirror({ components: ['missing'] }, { name: 'other', into: 'other' })
        await given.update({ name: 'other' })
      },
      refused('upstream-lacks', /has no component missing; it has contrib, main/),
    )
  })

  it('what is taken as it is comes with its bytes, and stays in the snapshot', { skip }, async () => {
    await using given = await mirrorWorld(openFresh)
    const { upstream } = given
    await upstream.deb({ name: 'hello', version: '1.0' })
    const extras = {
      'main/i18n/Translation-en': Buffer.from('Package: hello\n'),
      'main/i18n/Translation-en.gz': Buffer.from('packed'),
      'main/i18n/Translation-de.gz': Buffer.from('gepackt'),
      'main/Contents-amd64.gz': Buffer.from('contents'),
      'main/dep11/Components-amd64.yml.gz': Buffer.from('yaml'),
      'main/dep11/icons-64x64.tar.gz': Buffer.from('icons'),
    }
    await upstream.publish({ extras })
    await given.mirror()
    await given.update()
    const release = await given.world.text('dists/test/Release')
    for (const [path, bytes] of Object.entries(extras)) {
      if (path === 'main/i18n/Translation-de.gz') assert.ok(!release.includes(path))
      else assert.ok(release.includes(` ${path}\n`), path)
      if (!path.endsWith('.gz') || path.includes('-de')) continue
      assert.ok((await given.world.bytes(`dists/test/${path}`)).equals(bytes), path)
    }
    await upstream.publish({ extras: { ...extras, 'main/Contents-amd64.gz': Buffer.from('other contents') } })
    const update = await given.update()
    assert.deepEqual([update.revision, update.unchanged, update.added], [2, false, 0])
    assert.equal(await given.world.text('dists/test/main/Contents-amd64.gz'), 'other contents')
    assert.equal(await given.world.text('snapshot/r1/dists/test/main/Contents-amd64.gz'), 'contents')
    await given.world.submit({ kind: 'suite-update', suite: 'test', settings: { validUntilDays: 7 } })
    assert.equal(await given.world.text('dists/test/main/Contents-amd64.gz'), 'other contents')
  })

  it('the packages of a mirrored suite are upstream’s alone, and can be copied', { skip }, async () => {
    await using given = await mirrorWorld(openFresh)
    const { world, upstream } = given
    await upstream.deb({ name: 'hello', version: '1.0' })
    await upstream.publish()
    await given.mirror()
    await given.update()
    const packageId = await world.deb('mine', '1.0')
    await assert.rejects(
      world.submit({ kind: 'add', suite: 'test', packages: [{ packageId }] }),
      refused('conflict', /filled by the mirror up/),
    )
    const own = await world.suite('own')
    for (const step of [
      { kind: 'add', suite: 'test', packages: [{ packageId }] },
      { kind: 'remove', suite: 'test', packages: [{ name: 'hello' }] },
      { kind: 'rollback', suite: 'test', to: 'r1' },
    ] as const) {
      const batch = world.archives.submitBatch(world.workspace, [step], { userId: null })
      await assert.rejects(batch, refused('conflict', /filled by the mirror up/), step.kind)
    }
    await own.set({ debugSuite: 'test' })
    const extraControl = 'Auto-Built-Package: debug-symbols\n'
    const symbols = await world.deb('mine-dbgsym', '1.0', { section: 'debug', extraControl })
    await assert.rejects(own.addPackages(packageId, symbols), refused('conflict', /'test' is filled by the mirror up/))
    // What brings none has nothing to do with it.
    await own.addPackages(packageId)
    await own.set({ debugSuite: null })
    await world.submit({ kind: 'copy', suite: 'own', from: { suite: 'test' } })
    assert.deepEqual(await own.packages(), ['hello 1.0', 'mine 1.0'])
  })

  it('entries that break the rules are passed over and told, the others are taken', { skip }, async () => {
    await using given = await mirrorWorld(openFresh)
    const { upstream } = given
    await upstream.deb({ name: 'hello', version: '1.0' })
    await upstream.deb({ name: 'strange', version: '1.0', architecture: 'armhf' })
    await upstream.publish()
    await given.mirror()
    const update = await given.update()
    assert.equal(update.skipped, 1)
    assert.match(update.notices[0] ?? '', /strange has the architecture "armhf"/)
    assert.deepEqual(await given.packages(), ['hello 1.0'])
  })
})
