/** Only a part of upstream: what a query of aptly's language chooses, and what that depends on. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { refused } from '../support/archive-world.ts'
import { openSqliteFresh } from '../support/databases.ts'
import { mirrorWorld, type MirrorWorld } from '../support/mirror-world.ts'
import { upstreamMissing } from '../support/upstream.ts'

const skip = (await upstreamMissing()) ?? false

async function someUpstream(): Promise<MirrorWorld> {
  const given = await mirrorWorld(openSqliteFresh)
  const { upstream } = given
  await upstream.deb({ name: 'base', version: '1.0', priority: 'required' })
  await upstream.deb({ name: 'web', version: '2.0', depends: 'libweb (>= 2), mta | editor' })
  await upstream.deb({ name: 'libweb', version: '2.1', depends: 'libdeep' }, 'contrib')
  await upstream.deb({ name: 'libdeep', version: '1.0', architecture: 'amd64' })
  await upstream.deb({ name: 'postfix', version: '1.0', extraControl: 'Provides: mta\n' })
  await upstream.deb({ name: 'editor', version: '1.0' })
  await upstream.deb({ name: 'game', version: '1.0' })
  await upstream.publish()
  return given
}

it('a filter takes what matches, and with dependencies what that needs, from every component', { skip }, async () => {
  await using given = await someUpstream()
  await given.mirror({ filter: 'Priority (required) | web (>= 2)' })
  await given.update()
  assert.deepEqual(await given.packages(), ['base 1.0', 'web 2.0'])
  await given.mirror({ filter: 'web', withDeps: true }, { name: 'deep', into: 'deep' })
  await given.update({ name: 'deep' })
  assert.deepEqual(await given.packages('deep'), ['libweb 2.1', 'postfix 1.0', 'web 2.0', 'libdeep 1.0'])
})

it('what a new version needs comes with it, and what nothing needs any more goes', { skip }, async () => {
  await using given = await someUpstream()
  const { upstream } = given
  await given.mirror({ filter: 'web', withDeps: true })
  await given.update()
  await upstream.delete('pool/main/w/web/web_2.0_all.deb')
  await upstream.deb({ name: 'web', version: '3.0', depends: 'game' })
  await upstream.publish()
  await given.update()
  assert.deepEqual(await given.packages(), ['game 1.0', 'web 3.0'])
  assert.deepEqual(await given.packages('test', 'r1'), ['libweb 2.1', 'postfix 1.0', 'web 2.0', 'libdeep 1.0'])
})

it('a filter that is no query, and dependencies of everything, are refused', { skip }, async () => {
  await using given = await mirrorWorld(openSqliteFresh)
  await assert.rejects(given.mirror({ filter: 'Priority (' }), refused('query-invalid'))
  await assert.rejects(given.mirror({ withDeps: true }), refused('request-invalid', /without a filter/))
})
