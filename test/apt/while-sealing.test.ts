/** Clients that update while the archive changes. */
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { aptMissing, type AptRoot, aptRoot } from '../support/apt-root.ts'
import { stanzas } from '../support/check-archive.ts'
import { makeDeb } from '../support/make-deb.ts'
import { serve, type Server } from '../support/serve.ts'
import { tamperingProxy } from '../support/tampering-proxy.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { publish, sendArtifact } from '../support/upload.ts'

const options = { skip: (await aptMissing()) ?? false }

function deb(name: string, version: string): { [file: string]: Buffer } {
  return { [`${name}_${version}_all.deb`]: makeDeb({ name, version }) }
}

/** The second in which a suite was published last, from its Release. */
async function dateOf(server: Server): Promise<string> {
  const text = await (await fetch(`${server.apt}dists/stable/Release`)).text()
  return /^Date: (.*)$/m.exec(text)?.[1] ?? ''
}

/** The state that a client has: the version of both packages in its lists. */
async function versionIn(apt: AptRoot): Promise<string> {
  const folder = apt.file('var/lib/apt/lists')
  const names = await readdir(folder)
  const lists = names.filter((name) => name.endsWith('_Packages'))
  assert.equal(lists.length, 1, names.join())
  const list = stanzas(await readFile(`${folder}/${lists[0]}`, 'utf8'))
  assert.deepEqual(new Set(list.map((stanza) => stanza.get('Package'))), new Set(['count', 'same']))
  // Both came in one change: a state in which they differ never was.
  assert.equal(new Set(list.map((stanza) => stanza.get('Version'))).size, 1)
  return list[0]?.get('Version') ?? ''
}

test('no update ever fails while a revision is sealed every 100 ms', options, async () => {
  await using home = await temporaryDirectory()
  await using server = await serve({ home: home.path })
  await server.workspace.createSuite({ name: 'stable', versions: 'newest' })
  const ids: number[][] = []
  for (let version = 1; version <= 60; version += 1) {
    ids.push(await Promise.all(['count', 'same'].map(async (name) => artifactOf(server, name, `${version}`))))
  }
  await server.workspace.addPackages('stable', { artifacts: ids[0] ?? [] })
  const sources = await server.workspace.sources('stable')
  let sealed = 1
  const done = new AbortController()
  const sealing = (async () => {
    for (const artifacts of ids.slice(1)) {
      const [change] = await Promise.all([
        server.workspace.addPackages('stable', { artifacts }),
        new Promise((resolve) => setTimeout(resolve, 100)),
      ])
      assert.equal(change.addedCount, 2)
      sealed += 1
    }
    done.abort()
  })()
  const states = new Set<string>()
  const client = async (): Promise<void> => {
    await using apt = await aptRoot()
    await apt.source(sources)
    let last = 0
    while (!done.signal.aborted) {
      const { code, output } = await apt.update()
      assert.equal(code, 0, output)
      const version = Number(await versionIn(apt))
      assert.ok(version >= last && version <= sealed + 1, `${version} after ${last}, with ${sealed} sealed`)
      last = version
      states.add(`${version}`)
    }
    assert.equal((await apt.update()).code, 0)
    assert.equal(await versionIn(apt), '60')
  }
  await Promise.all([sealing, client(), client()])
  assert.ok(states.size > 3, `the clients saw ${[...states].join()} only`)
})

async function artifactOf(server: Server, name: string, version: string): Promise<number> {
  return (await sendArtifact(server, 'debian:binary-package', deb(name, version))).id
}

/** Publishes two packages one after the other until both fall into one second. */
async function twoInOneSecond(
  server: Server,
  between: () => Promise<void>,
): Promise<{ readonly first: string; readonly second: string }> {
  for (let attempt = 1; ; attempt += 1) {
    const [first, second] = [`${attempt}.1`, `${attempt}.2`]
    const ids = [await artifactOf(server, 'quick', first), await artifactOf(server, 'quick', second)]
    await new Promise((resolve) => setTimeout(resolve, 1000 - (Date.now() % 1000)))
    await server.workspace.addPackages('stable', { artifacts: ids.slice(0, 1) })
    const date = await dateOf(server)
    await between()
    await server.workspace.addPackages('stable', { artifacts: ids.slice(1) })
    if ((await dateOf(server)) === date) return { first, second }
  }
}

test('of two revisions in one second a client that has the first gets the second', options, async () => {
  await using home = await temporaryDirectory()
  await using server = await serve({ home: home.path })
  await server.workspace.createSuite({ name: 'stable' })
  await publish(server, 'stable', deb('quick', '0'))
  await using apt = await aptRoot()
  await apt.source(await server.workspace.sources('stable'))
  const { first, second } = await twoInOneSecond(server, async () => {
    const { code, output } = await apt.update()
    assert.equal(code, 0, output)
  })
  const now = await apt.available('quick')
  assert.ok(now.includes(`quick ${first}`) && !now.includes(`quick ${second}`), now.join())
  const { code, output } = await apt.update()
  assert.equal(code, 0, output)
  assert.ok((await apt.available('quick')).includes(`quick ${second}`))
})

test('half an InRelease of the same second is never continued with the bytes of the next', options, async () => {
  await using home = await temporaryDirectory()
  await using server = await serve({ home: home.path })
  await server.workspace.createSuite({ name: 'stable' })
  await publish(server, 'stable', deb('quick', '0'))
  let cutting = false
  await using proxy = await tamperingProxy(server.url, ({ path, bytes }) =>
    cutting && path.endsWith('/InRelease') ? { cut: bytes.length >> 1 } : undefined,
  )
  await using apt = await aptRoot()
  await apt.source((await server.workspace.sources('stable')).replace(server.url, proxy.url))
  const partial = apt.file('var/lib/apt/lists/partial')
  const { second } = await twoInOneSecond(server, async () => {
    cutting = true
    await apt.update()
    cutting = false
    assert.ok(
      (await readdir(partial)).some((name) => name.endsWith('InRelease')),
      'apt keeps what came',
    )
  })
  const before = proxy.passed.length
  const { code, output } = await apt.update()
  assert.equal(code, 0, output)
  assert.ok((await apt.available('quick')).includes(`quick ${second}`))
  const asked = proxy.passed.slice(before).find(({ path }) => path.endsWith('/InRelease'))
  assert.ok(asked?.requestHeaders.range !== undefined && asked.requestHeaders['if-range'] !== undefined)
  assert.equal(asked.status, 200)
})

test('a rollback reaches clients: its Date is later, and what was newer is gone', options, async () => {
  await using home = await temporaryDirectory()
  await using server = await serve({ home: home.path })
  await server.workspace.createSuite({ name: 'stable', versions: 'newest' })
  const first = await publish(server, 'stable', deb('thing', '1.0'))
  await using apt = await aptRoot()
  await apt.source(await server.workspace.sources('stable'))
  await publish(server, 'stable', deb('thing', '2.0'))
  assert.equal((await apt.update()).code, 0)
  assert.deepEqual(await apt.available('thing'), ['thing 2.0'])
  const before = Date.parse(await dateOf(server))
  await server.workspace.rollBack('stable', `r${first.revision}`)
  assert.ok(Date.parse(await dateOf(server)) >= before)
  const { code, output } = await apt.update()
  assert.equal(code, 0, output)
  assert.deepEqual(await apt.available('thing'), ['thing 1.0'])
})
