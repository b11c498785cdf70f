/** Debian's own tools on a mirrored suite of real packages, and on its snapshot after upstream has deleted them. */
import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { aptMissing, aptRoot } from '../support/apt-root.ts'
import { debootstrap, fetchedKeyring, installedIn, mmdebstrap, type Origin } from '../support/chroots.ts'
import { minimalSystem, toolsMissing } from '../support/minimal-system.ts'
import { type Server, serve } from '../support/serve.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { makeUpstream, type Upstream, upstreamMissing } from '../support/upstream.ts'

const found = await minimalSystem()
const missing =
  'missing' in found
    ? found.missing
    : ((await aptMissing()) ?? (await upstreamMissing()) ?? (await toolsMissing('debootstrap', 'mmdebstrap')))

describe('a lazy mirror of a minimal Debian', { skip: missing ?? false }, () => {
  const closing = new AsyncDisposableStack()
  let home = ''
  let server: Server
  let upstream: Upstream
  let live: Origin
  /** Where each .deb lies upstream. */
  const pool: string[] = []

  before(async () => {
    if ('missing' in found) return
    home = closing.use(await temporaryDirectory()).path
    upstream = closing.use(await makeUpstream())
    for (const deb of found.debs) {
      const path = `pool/main/d/debs/${basename(deb)}`
      await upstream.file(path, deb)
      pool.push(path)
    }
    for (const name of await readdir(dirname(found.dsc))) {
      if (name.startsWith('hello_') && !name.endsWith('.deb')) {
        await upstream.file(`pool/main/h/hello/${name}`, join(dirname(found.dsc), name))
      }
    }
    await upstream.publish({ suite: 'anvil' })
    server = closing.use(await serve({ home }))
    await server.workspace.mirrors.create({
      name: 'up',
      url: upstream.url,
      suite: 'anvil',
      lazy: true,
      sources: true,
      keyring: upstream.key.publicKey,
    })
    const updated = await server.ashlar('mirror', 'update', 'up')
    assert.equal(updated.code, 0, updated.stderr)
    live = { archive: server.apt, suite: 'anvil', keyring: await fetchedKeyring(server.apt, home) }
  })
  after(() => closing.disposeAsync())

  it('debootstrap downloads a system from it, whose files come from upstream at that moment', async () => {
    const path = join(home, 'debootstrap')
    await debootstrap(live, { path, downloadOnly: true })
    const debs = (await readdir(join(path, 'var/cache/apt/archives'))).filter((name) => name.endsWith('.deb'))
    assert.ok(debs.length > 50, String(debs.length))
    const { completeness } = await server.workspace.mirrors.show('up')
    assert.ok(
      completeness !== null && completeness.filesHere >= debs.length && completeness.filesHere < completeness.files,
    )
  })

  it('apt-get fetches a source from it', async () => {
    await using apt = await aptRoot()
    await apt.source(await server.workspace.sources('anvil'))
    assert.equal((await apt.update()).code, 0)
    const files = await apt.download('source', '--download-only', 'hello')
    assert.ok([...files.keys()].some((name) => name.endsWith('.dsc')))
  })

  it('once it is filled, mmdebstrap makes a system of the snapshot after upstream has changed and deleted all', async () => {
    const filled = await server.ashlar('mirror', 'fill', 'up')
    assert.equal(filled.code, 0, filled.stderr)
    for (const path of pool) await upstream.delete(path)
    await upstream.deb({ name: 'only-this', version: '1.0' })
    await upstream.publish({ suite: 'anvil' })
    const updated = await server.ashlar('mirror', 'update', 'up')
    assert.match(updated.stdout, /Revision r2 holds what upstream has: 1 package came, \d+ went\./)
    const path = join(home, 'mmdebstrap')
    await mmdebstrap({ ...live, archive: `${server.apt}snapshot/r1/` }, { path, variant: 'apt' })
    const installed = await installedIn(path)
    assert.ok(
      installed.some((name) => name.startsWith('apt ')),
      String(installed),
    )
  })

  it('what upstream lists and does not give is a 502 with the reason', async () => {
    await upstream.delete('pool/main/o/only-this/only-this_1.0_all.deb')
    const answer = await fetch(`${server.apt}pool/main/o/only-this/only-this_1.0_all.deb`)
    assert.equal(answer.status, 502)
    assert.match(((await answer.json()) as { detail: string }).detail, /mirror-local-main-up has it no more \(404\)/)
  })
})
