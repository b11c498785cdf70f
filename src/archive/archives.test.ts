import assert from 'node:assert/strict'
import { it } from 'node:test'
import { archiveWorld, listedIn, refused, sha256Of } from '../../test/support/archive-world.ts'
import { forEachDialect } from '../../test/support/databases.ts'

forEachDialect((_dialect, open) => {
  it('a package that was added is listed, and its bytes lie where it says', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable')
    const change = await stable.add('hello', '2.10-3', { architecture: 'amd64' })
    assert.equal(change.revision, 2)
    assert.deepEqual(change.added, [{ name: 'hello', version: '2.10-3', architecture: 'amd64', component: 'main' }])
    const text = await world.text('dists/stable/main/binary-amd64/Packages')
    const path = /^Filename: (.*)$/m.exec(text)?.[1] ?? ''
    assert.equal(path, 'pool/main/h/hello/hello_2.10-3_amd64.deb')
    assert.match(text, new RegExp(`^SHA256: ${sha256Of(await world.bytes(path))}$`, 'm'))
    const listed = listedIn(await world.text('dists/stable/Release'))
    assert.equal(listed.get('main/binary-amd64/Packages')?.sha256, sha256Of(Buffer.from(text)))
    assert.deepEqual(world.errors, [])
  })

  it('an override that would write more than its own line into an index is refused', async () => {
    await using world = await archiveWorld(open)
    await world.suite('stable')
    const packageId = await world.deb('hello', '1')
    for (const override of [{ section: 'x\nFilename: evil' }, { priority: 'a b' }, { section: '' }]) {
      const request = { kind: 'add', suite: 'stable', packages: [{ packageId, ...override }] } as const
      await assert.rejects(
        world.submit(request),
        refused('request-invalid', /cannot be the (?:Section|Priority) of hello/),
      )
    }
  })
})
