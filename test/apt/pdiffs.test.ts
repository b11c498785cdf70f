/** apt with an index several revisions old, from a suite with patches: it fetches these, and never the whole index. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { aptMissing, type AptRoot, aptRoot } from '../support/apt-root.ts'
import { makeDeb } from '../support/make-deb.ts'
import { otherRelease } from '../support/other-release.ts'
import { type Server, serve } from '../support/serve.ts'
import { type TamperingProxy, tamperingProxy } from '../support/tampering-proxy.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { publish, sendArtifact } from '../support/upload.ts'

const missing = await aptMissing()
const HISTORY = 10

/** The apt of this machine, and newer ones where there are any. */
async function releases(): Promise<Map<string, string | undefined>> {
  const found = new Map<string, string | undefined>([['this machine', undefined]])
  for (const name of ['trixie', 'sid'] as const) {
    const release = await otherRelease(name)
    if ('path' in release) found.set(name, release.path)
  }
  return found
}

describe('a suite with patches', { skip: missing ?? false }, () => {
  const closing = new AsyncDisposableStack()
  let server: Server
  let proxy: TamperingProxy
  let spoil = false

  before(async () => {
    const home = closing.use(await temporaryDirectory())
    server = closing.use(await serve({ home: home.path }))
    proxy = closing.use(
      await tamperingProxy(server.url, ({ path, bytes }) =>
        spoil && path.includes('Packages.diff/2') ? bytes.subarray(0, bytes.length - 1) : undefined,
      ),
    )
    await server.workspace.createSuite({ name: 'stable', versions: 'newest', pdiffs: HISTORY, translations: true })
    const artifacts = await Promise.all(
      Array.from({ length: 60 }, async (_, i) => {
        // Nothing that compresses well, so that the index is longer than all patches.
        const extraControl = `Noise: ${randomBytes(300).toString('base64')}
`
        const deb = makeDeb({ name: `base${i}`, version: '1.0', architecture: 'amd64', extraControl })
        return (await sendArtifact(server, 'debian:binary-package', { [`base${i}.deb`]: deb })).id
      }),
    )
    await server.workspace.addPackages('stable', { artifacts })
  })
  after(() => closing.disposeAsync())

  let version = 1
  async function change(times: number): Promise<void> {
    for (let i = 0; i < times; i += 1) {
      version += 1
      const description = `Package\n of version ${version}`
      const deb = makeDeb({ name: `base${version % 7}`, version: `${version}.0`, architecture: 'amd64', description })
      await publish(server, 'stable', { [`base_${version}.deb`]: deb })
    }
  }

  async function client(release: string | undefined): Promise<AptRoot> {
    const apt = closing.use(await aptRoot(release === undefined ? {} : { release }))
    await apt.source((await server.workspace.sources('stable')).replace(server.url, proxy.url))
    const { code, output } = await apt.update()
    assert.equal(code, 0, output)
    return apt
  }

  /** Updates, proves that the indexes are then the newest ones, and tells what was fetched for them. */
  async function updated(apt: AptRoot): Promise<{ patches: number; translations: number; whole: number }> {
    const start = proxy.passed.length
    const { code, output } = await apt.update()
    assert.equal(code, 0, output)
    const suite = `${proxy.url.slice('http://'.length)}/apt/local/main/dists/stable/`
    for (const path of ['main/binary-amd64/Packages', 'main/i18n/Translation-en']) {
      const list = await readFile(apt.file(`var/lib/apt/lists/${`${suite}${path}`.replaceAll('/', '_')}`))
      const newest = await fetch(`${server.apt}dists/stable/${path}`)
      assert.ok(list.equals(Buffer.from(await newest.arrayBuffer())), `${path} is the newest one`)
    }
    const paths = proxy.passed.slice(start).map(({ path }) => path)
    const count = (pattern: RegExp): number => paths.filter((path) => pattern.test(path)).length
    return {
      patches: count(/\/Packages\.diff\/\d[^/]*\.gz$/),
      translations: count(/\/Translation-en\.diff\/\d[^/]*\.gz$/),
      whole: count(/\/(binary-amd64|i18n)\/(by-hash\/.*|(Packages|Translation-en)(\.\w+)?)$/),
    }
  }

  it('brings apt up to date by patches, or as a whole where they do not lead so far back', async () => {
    const wanted = await releases()
    const of = async (): Promise<AptRoot[]> => {
      const roots: AptRoot[] = []
      for (const release of wanted.values()) roots.push(await client(release))
      return roots
    }
    const eleven = await of()
    await change(1)
    const ten = await of()
    await change(7)
    const three = await of()
    await change(2)
    const one = await of()
    await change(1)
    for (const [i, name] of [...wanted.keys()].entries()) {
      const told = async (roots: readonly AptRoot[]) => updated(roots[i] ?? assert.fail())
      assert.deepEqual(await told(one), { patches: 1, translations: 1, whole: 0 }, `${name}, one behind`)
      assert.deepEqual(await told(three), { patches: 3, translations: 3, whole: 0 }, `${name}, three behind`)
      assert.deepEqual(await told(ten), { patches: 10, translations: 10, whole: 0 }, `${name}, ten behind`)
      assert.deepEqual(await told(eleven), { patches: 0, translations: 0, whole: 2 }, `${name}, eleven behind`)
      assert.deepEqual(await told(eleven), { patches: 0, translations: 0, whole: 0 }, `${name}, not behind any more`)
    }
  })

  it('gives apt the whole index where a patch arrives damaged', async () => {
    const apt = await client(undefined)
    await change(1)
    spoil = true
    const fetched = await updated(apt)
    assert.deepEqual(fetched, { patches: 1, translations: 1, whole: 1 })
  })
})
