/** Bytes that are changed on the way are refused by apt, whichever they are. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aptMissing, aptRoot } from '../support/apt-root.ts'
import { makeDeb } from '../support/make-deb.ts'
import { serve } from '../support/serve.ts'
import { flipped, tamperingProxy } from '../support/tampering-proxy.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { publish } from '../support/upload.ts'

const options = { skip: (await aptMissing()) ?? false }

test('a flipped bit in InRelease, in an index or in a package is refused by apt', options, async () => {
  await using home = await temporaryDirectory()
  await using server = await serve({ home: home.path })
  await server.workspace.createSuite({ name: 'stable' })
  await publish(server, 'stable', { 'one_1.0_all.deb': makeDeb({ name: 'one', version: '1.0' }) })
  let target = /nothing/
  await using proxy = await tamperingProxy(server.url, ({ path, bytes }) =>
    target.test(path) ? flipped(bytes) : undefined,
  )
  const sources = (await server.workspace.sources('stable')).replace(server.url, proxy.url)

  // Through the proxy, unchanged: what is refused below is refused for the flipped bit.
  await using good = await aptRoot()
  await good.source(sources)
  assert.equal((await good.update()).code, 0)

  for (const [changed, sentence] of [
    [/\/InRelease$/, /GPG error|OpenPGP|not signed|clearsigned|NODATA|invalid/i],
    [/\/binary-amd64\//, /Hash Sum mismatch/],
  ] as const) {
    target = changed
    await using apt = await aptRoot()
    await apt.source(sources)
    const { code, output } = await apt.update()
    assert.equal(code, 100, output)
    assert.match(output, sentence)
    assert.deepEqual(await apt.available('one'), [])
  }
  target = /\.deb$/
  const { code, output } = await good.get('install', '--download-only', 'one')
  assert.equal(code, 100, output)
  assert.match(output, /Hash Sum mismatch/)
  assert.ok(proxy.passed.some(({ path }) => path.endsWith('.deb')))
})
