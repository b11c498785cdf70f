/** The real apt, some states behind a mirrored suite that has patches: what upstream changed comes as patches. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { xz } from '@napi-rs/lzma'
import { aptMissing, type AptRoot, aptRoot } from '../support/apt-root.ts'
import { type Server, serve } from '../support/serve.ts'
import { type TamperingProxy, tamperingProxy } from '../support/tampering-proxy.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { makeUpstream, type Upstream, upstreamMissing } from '../support/upstream.ts'

const missing = (await aptMissing()) ?? (await upstreamMissing())

describe('a mirrored suite with patches', { skip: missing ?? false }, () => {
  const closing = new AsyncDisposableStack()
  let server: Server
  let upstream: Upstream
  let proxy: TamperingProxy
  const pool = new Map<string, string>()

  before(async () => {
    const home = closing.use(await temporaryDirectory())
    upstream = closing.use(await makeUpstream())
    server = closing.use(await serve({ home: home.path }))
    proxy = closing.use(await tamperingProxy(server.url, () => undefined))
    for (let i = 0; i < 60; i += 1) await put(`base${i}`, '1.0', i % 3 === 0 ? 'all' : 'amd64')
    await published('one')
    const { url, key } = upstream
    await server.workspace.mirrors.create({ name: 'up', url, suite: 'test', sources: true, keyring: key.publicKey })
    await update('r1')
    await server.workspace.updateSuite('test', { pdiffs: 5 })
  })
  after(() => closing.disposeAsync())

  async function put(name: string, version: string, architecture: string): Promise<void> {
    const before = pool.get(name)
    if (before !== undefined) await upstream.delete(before)
    // Nothing that compresses well, so that the index is longer than all patches.
    const extraControl = `Noise: ${randomBytes(300).toString('base64')}\n`
    pool.set(name, await upstream.deb({ name, version, architecture, extraControl }))
  }

  /** Beside Packages upstream has another translation. */
  async function published(translation: string): Promise<void> {
    const text = `Package: base0\nDescription-md5: ${'0'.repeat(32)}\nDescription-en: ${translation}\n\n`
    await upstream.publish({ extras: { 'main/i18n/Translation-en.xz': Buffer.from(await xz.compress(text)) } })
  }

  async function update(revision: string): Promise<void> {
    const { code, stdout, stderr } = await server.ashlar('mirror', 'update', 'up')
    assert.equal(code, 0, stderr)
    assert.match(stdout, new RegExp(`Revision ${revision} holds what upstream has`))
  }

  async function client(): Promise<AptRoot> {
    const apt = closing.use(await aptRoot())
    await apt.source((await server.workspace.sources('test')).replace(server.url, proxy.url))
    const { code, output } = await apt.update()
    assert.equal(code, 0, output)
    return apt
  }

  /** Updates, proves that the indexes are then the newest ones, and tells what was fetched for them. */
  async function updated(apt: AptRoot): Promise<{ patches: number; whole: number }> {
    const start = proxy.passed.length
    const { code, output } = await apt.update()
    assert.equal(code, 0, output)
    const suite = `${proxy.url.slice('http://'.length)}/apt/local/main/dists/test/`
    const path = 'main/binary-amd64/Packages'
    const list = await readFile(apt.file(`var/lib/apt/lists/${`${suite}${path}`.replaceAll('/', '_')}`))
    const newest = await fetch(`${server.apt}dists/test/${path}`)
    assert.ok(list.equals(Buffer.from(await newest.arrayBuffer())), 'Packages is the newest one')
    const paths = proxy.passed.slice(start).map((passed) => passed.path)
    const count = (pattern: RegExp): number => paths.filter((one) => pattern.test(one)).length
    return {
      patches: count(/\/Packages\.diff\/\d[^/]*\.gz$/),
      whole: count(/\/binary-amd64\/(by-hash\/.*|Packages(\.\w+)?)$/),
    }
  }

  it('brings apt over states of upstream by patches, whatever came, went, was built again or said otherwise', async () => {
    const three = await client()
    await put('new', '1.0', 'amd64')
    await put('base1', '2.0', 'amd64')
    await published('two')
    await update('r3')
    const two = await client()

    await upstream.delete(pool.get('base3') ?? '')
    pool.delete('base3')
    // The same version with other bytes, and a package that is for all machines from now on.
    await put('base4', '1.0', 'amd64')
    await put('base5', '2.0', 'all')
    await published('two')
    await update('r4')
    const one = await client()

    // Nothing but what is taken as it is.
    await published('three')
    await update('r5')
    await put('base59', '3.0', 'amd64')
    await put('base0', '3.0', 'all')
    await published('three')
    await update('r6')

    assert.deepEqual(await updated(one), { patches: 1, whole: 0 })
    assert.deepEqual(await updated(two), { patches: 2, whole: 0 })
    assert.deepEqual(await updated(three), { patches: 3, whole: 0 })
    assert.deepEqual(await updated(three), { patches: 0, whole: 0 })
    const translation = await fetch(`${server.apt}dists/test/main/i18n/Translation-en.xz`)
    assert.match(xz.decompressSync(Buffer.from(await translation.arrayBuffer())).toString(), /^Description-en: three$/m)
  })
})
