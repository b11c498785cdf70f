/** Several processes on one archive: on PostgreSQL they work together, on SQLite the second one is refused. */
import assert from 'node:assert/strict'
import { mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { it, test } from 'node:test'
import { checkSuite } from '../support/check-archive.ts'
import { forEachDialect } from '../support/databases.ts'
import { makeDeb } from '../support/make-deb.ts'
import { serve, type Server, tryServe } from '../support/serve.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { publish } from '../support/upload.ts'
import { isGone } from './kill-walk.ts'

test('with SQLite a second server on one data directory is refused with a sentence', async () => {
  await using home = await temporaryDirectory()
  await using first = await serve({ home: home.path })
  const second = await tryServe({ home: home.path })
  assert.ok('code' in second)
  assert.equal(second.code, 1)
  assert.match(second.stderr, new RegExp(`used by the process with pid ${first.pid}`))
  assert.equal((await first.workspace.createSuite({ name: 'stable' })).revision, 1)
})

/** Uploads `name-0`, `name-1` …; gives what was acknowledged, with the revision of each. */
async function uploads(
  server: Server,
  name: string,
  count: number,
  onAcknowledged: () => void = () => {},
): Promise<Map<string, number>> {
  const acknowledged = new Map<string, number>()
  for (let i = 0; i < count; i += 1) {
    const each = `${name}-${i}`
    try {
      const files = { [`${each}_1.0_all.deb`]: makeDeb({ name: each, version: '1.0' }) }
      const { revision } = await publish(server, 'stable', files, { key: each })
      acknowledged.set(each, revision)
      onAcknowledged()
    } catch (error) {
      if (!isGone(error)) throw error
      return acknowledged
    }
  }
  return acknowledged
}

forEachDialect((dialect, _open, createEmpty) => {
  if (dialect === 'sqlite') return
  it('two servers on one PostgreSQL take uploads at once, and one goes on when the other is killed', async () => {
    await using home = await temporaryDirectory()
    const { url: database } = await createEmpty()
    await using one = await serve({ home: home.path, database })
    await one.workspace.createSuite({ name: 'stable' })
    await using other = await serve({ home: await secondHome(home.path), database })
    const workers = [one, other, one, other]
    const both = await Promise.all(workers.map((server, i) => uploads(server, `both${i}`, 8)))
    await prove(both, [one, other])

    const begun = [0, 1, 2].map(() => Promise.withResolvers<void>())
    const doomed = Promise.all(begun.map(({ resolve }, i) => uploads(one, `doomed${i}`, 1000, resolve)))
    const lasting = await Promise.all([
      uploads(other, 'lasting0', 12),
      uploads(other, 'lasting1', 12),
      (async () => {
        await Promise.all(begun.map(({ promise }) => promise))
        await one.kill()
      })(),
    ])
    const acknowledged = [...both, ...(await doomed), lasting[0], lasting[1]]
    assert.ok(acknowledged.every((each) => each.size > 0))
    await prove(acknowledged, [other])
    await using third = await serve({ home: home.path, database })
    await prove(acknowledged, [other, third])
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

/** Nothing that was acknowledged is missing, each server says the same, and each number is one state. */
async function prove(uploaded: readonly ReadonlyMap<string, number>[], servers: readonly Server[]): Promise<void> {
  const [first] = servers
  assert.ok(first !== undefined)
  const expected = uploaded.flatMap((map) => [...map])
  for (const server of servers) {
    const { packages } = await checkSuite(server.apt, 'stable')
    const missing = expected.filter(([name]) => !packages.includes(`${name} 1.0 all`))
    assert.deepEqual(missing, [])
    const page = await server.workspace.packages('stable', { limit: 1000 })
    assert.deepEqual(
      page.packages.map((each) => `${each.name} ${each.version} ${each.architecture}`).toSorted(),
      packages,
    )
  }
  const { revision: head } = await first.workspace.suite('stable')
  const releases = new Set<string>()
  for (let number = 1; number <= head; number += 1) {
    const texts = await Promise.all(servers.map(async (server) => releaseOf(server, number)))
    assert.ok(
      texts.every((text) => text === texts[0]),
      `r${number} differs from server to server`,
    )
    releases.add(texts[0] ?? '')
  }
  assert.equal(releases.size, head)
  for (const [name, revision] of expected.filter((_, i) => i % 7 === 0)) {
    const { packages } = await checkSuite(`${first.apt}snapshot/r${revision}/`, 'stable')
    assert.ok(packages.includes(`${name} 1.0 all`), `${name} was acknowledged in r${revision}`)
  }
}

async function releaseOf(server: Server, number: number): Promise<string> {
  const answer = await fetch(`${server.apt}snapshot/r${number}/dists/stable/InRelease`)
  assert.equal(answer.status, 200, `r${number}`)
  return answer.text()
}
