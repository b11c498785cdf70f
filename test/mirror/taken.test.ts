/** Indexes that a mirror takes as they are: their bytes stay as long as a suite may serve them, and move with upstream. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { Maintenance } from '../../src/maintenance/maintenance.ts'
import { forEachDialect } from '../support/databases.ts'
import { mirrorWorld, type MirrorWorld } from '../support/mirror-world.ts'
import { upstreamMissing } from '../support/upstream.ts'

const skip = (await upstreamMissing()) ?? false
const contents = 'main/Contents-amd64.gz'
const translation = 'main/i18n/Translation-en'

/** A vacuum for which everything is old, twice: what it condemns first goes then. */
async function vacuum({ world }: MirrorWorld): Promise<void> {
  const ages = { leftoverMs: 0, unneededMs: 0, graceMs: 0 }
  await using maintenance = new Maintenance({ database: world.db, storage: world.storage, ages })
  for (let run = 0; run < 2; run += 1) {
    for await (const event of maintenance.vacuum()) if (event.kind === 'failure') assert.fail(JSON.stringify(event))
  }
}

forEachDialect((_dialect, openFresh) => {
  it('a vacuum leaves them what is served, now and at past revisions', { skip }, async () => {
    await using given = await mirrorWorld(openFresh)
    const { upstream, world } = given
    await upstream.deb({ name: 'hello', version: '1.0' })
    const [first, second] = [gzipSync('usr/bin/hello\tmisc/hello\n'), gzipSync('usr/bin/hallo\tmisc/hello\n')]
    await upstream.publish({ extras: { [contents]: first } })
    await given.mirror()
    await given.update()
    await upstream.publish({ extras: { [contents]: second } })
    await given.update()
    await vacuum(given)
    assert.ok((await world.bytes(`dists/test/${contents}`)).equals(second))
    assert.ok((await world.bytes(`snapshot/r1/dists/test/${contents}`)).equals(first))
  })

  it('a vacuum leaves what a suite makes of its own packages for a while, and takes over again', { skip }, async () => {
    await using given = await mirrorWorld(openFresh)
    const { upstream, world } = given
    await upstream.deb({ name: 'hello', version: '1.0', architecture: 'amd64' })
    await upstream.publish({ extras: { [contents]: gzipSync('usr/bin/hello\tmisc/hello\n') } })
    await given.mirror({ lazy: false })
    const set = async (settings: object): Promise<unknown> =>
      world.submit({ kind: 'suite-update', suite: 'test', settings })
    await given.update()
    await set({ contents: true })
    // What was served as upstream's is no more, also not from the past.
    await world.db.write(async (trx) =>
      trx.deleteFrom('release_index').where('path', '=', contents).where('until_revision', 'is not', null).execute(),
    )
    await world.db.write(async (trx) =>
      trx
        .deleteFrom('index_file')
        .where('id', 'not in', (eb) => eb.selectFrom('release_index').select('index_file_id'))
        .execute(),
    )
    await vacuum(given)
    await set({ contents: false })
    assert.deepEqual(await world.bytes(`dists/test/${contents}`), gzipSync('usr/bin/hello\tmisc/hello\n'))
  })

  it(
    'an index of which only the digest was told is served once upstream has it in this form alone',
    { skip },
    async () => {
      await using given = await mirrorWorld(openFresh)
      const { upstream, world } = given
      await upstream.deb({ name: 'hello', version: '1.0' })
      const text = Buffer.from('Package: hello\nDescription-en: greets\n\n')
      const packed = `${translation}.gz`
      await upstream.publish({ extras: { [translation]: text, [packed]: gzipSync(text) } })
      await given.mirror()
      await given.update()
      await assert.rejects(world.bytes(`dists/test/${translation}`), { code: 'not-found' })
      await rm(`${upstream.directory}/dists/test/${packed}`)
      await upstream.publish()
      await given.update()
      assert.ok((await world.bytes(`dists/test/${translation}`)).equals(text))
      const digest = createHash('sha256').update(text).digest('hex')
      assert.ok((await world.bytes(`dists/test/main/i18n/by-hash/SHA256/${digest}`)).equals(text))
    },
  )

  it('one that is equal to what another suite makes is written once', { skip }, async () => {
    await using given = await mirrorWorld(openFresh)
    const { upstream, world } = given
    await upstream.deb({ name: 'hello', version: '1.0', architecture: 'amd64' })
    const model = await world.suite('model', { contents: true })
    await model.add('hello', '1.0', { architecture: 'amd64' })
    const bytes = await world.bytes(`dists/model/${contents}`)
    await upstream.publish({ extras: { [contents]: bytes } })
    await given.mirror()
    await given.update()
    const before = await rowsOf(given)
    await world.submit({ kind: 'suite-update', suite: 'test', settings: { description: 'another' } })
    assert.deepEqual(await rowsOf(given), before)
    assert.ok((await world.bytes(`dists/test/${contents}`)).equals(bytes))
  })

  it('a revision that brings only such indexes is in the history of its suite, with how many', { skip }, async () => {
    await using given = await mirrorWorld(openFresh)
    const { upstream, world } = given
    await upstream.deb({ name: 'hello', version: '1.0' })
    const dep11 = 'main/dep11/Components-amd64.yml.gz'
    const extras = { [contents]: gzipSync('usr/bin/hello\tmisc/hello\n'), [dep11]: gzipSync('one') }
    await upstream.publish({ extras })
    await given.mirror()
    await given.update()
    await upstream.publish({ extras: { ...extras, [dep11]: gzipSync('two') } })
    assert.equal((await given.update()).revision, 2)
    const history = await world.archives.history(world.workspace, 'test', { limit: 5 })
    assert.deepEqual(
      history.map(({ changes }) => changes.map(({ kind, added, takenIndexes }) => [kind, added, takenIndexes])),
      [[['mirror', 0, 1]], [['mirror', 1, 2]]],
    )
  })
})

/** Since which revisions suites have their Contents as they are. */
async function rowsOf({ world }: MirrorWorld): Promise<unknown[]> {
  return await world.db.read
    .selectFrom('release_index')
    .innerJoin('suite', 'suite.id', 'release_index.suite_id')
    .select(['suite.id', 'suite.name', 'path', 'from_revision', 'until_revision'])
    .where('path', '=', contents)
    .orderBy('suite.id')
    .orderBy('from_revision')
    .execute()
}
