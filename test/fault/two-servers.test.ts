/** Several processes on one archive: on PostgreSQL they work together, on SQLite the second one is refused. */
import assert from 'node:assert/strict'
import { mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { it, test } from 'node:test'
import { forEachDialect } from '../support/databases.ts'
import { serve, tryServe } from '../support/serve.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { proveSame, uploadSeries } from './several-servers.ts'

test('with SQLite a second server on one data directory is refused with a sentence', async () => {
  await using home = await temporaryDirectory()
  await using first = await serve({ home: home.path })
  const second = await tryServe({ home: home.path })
  assert.ok('code' in second)
  assert.equal(second.code, 1)
  assert.match(second.stderr, new RegExp(`used by the process with pid ${first.pid}`))
  assert.equal((await first.workspace.createSuite({ name: 'stable' })).revision, 1)
})

forEachDialect((dialect, _open, createEmpty) => {
  if (dialect === 'sqlite') return
  it('two servers on one PostgreSQL take uploads at once, and one goes on when the other is killed', async () => {
    await using home = await temporaryDirectory()
    const { url: database } = await createEmpty()
    await using one = await serve({ home: home.path, database })
    await one.workspace.createSuite({ name: 'stable' })
    await using other = await serve({ home: await secondHome(home.path), database })
    const workers = [one, other, one, other]
    const both = await Promise.all(workers.map((server, i) => uploadSeries(server, `both${i}`, 8)))
    await proveSame(both, [one, other])

    const begun = [0, 1, 2].map(() => Promise.withResolvers<void>())
    const doomed = Promise.all(begun.map(({ resolve }, i) => uploadSeries(one, `doomed${i}`, 1000, resolve)))
    const lasting = await Promise.all([
      uploadSeries(other, 'lasting0', 12),
      uploadSeries(other, 'lasting1', 12),
      (async () => {
        await Promise.all(begun.map(({ promise }) => promise))
        await one.kill()
      })(),
    ])
    const acknowledged = [...both, ...(await doomed), lasting[0], lasting[1]]
    assert.ok(acknowledged.every((each) => each.size > 0))
    await proveSame(acknowledged, [other])
    await using third = await serve({ home: home.path, database })
    await proveSame(acknowledged, [other, third])
  })
})

/** The same data, and a place of its own for client.toml: beside one another, as on two machines that share a disk. */
async function secondHome(home: string): Promise<string> {
  const second = join(home, 'second')
  const data = join(second, 'ashlar-data')
  await mkdir(data, { recursive: true, mode: 0o700 })
  for (const name of ['store', 'spool']) await symlink(join(home, 'ashlar-data', name), join(data, name))
  return second
}
