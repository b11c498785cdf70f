/** Several `ashlar serve` on one PostgreSQL and one data directory. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { startPostgres } from '../support/postgres.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { ashlarJson, startServing } from './serving.ts'

const examples = new URL('../../examples/debs', import.meta.url).pathname

test('two servers share a database and a data directory, and serve what either has published', async () => {
  await using home = await temporaryDirectory()
  const postgres = await startPostgres()
  try {
    await using first = await startServing(home.path, ['--database', postgres.url])
    await using second = await startServing(home.path, ['--database', postgres.url])
    const tokens = ['--server', first.url]
    assert.notEqual(first.url, second.url)
    const { token } = await ashlarJson(['token', 'create', 'both'], second.beside)
    const as = ['--token', String(token)]
    await ashlarJson(['suite', 'create', 'stable', ...tokens, ...as])
    const change = await ashlarJson([
      'upload',
      '--suite',
      'stable',
      '--server',
      second.url,
      ...as,
      join(examples, 'ashlar-hello_1.0_all.deb'),
    ])
    assert.equal(change['addedCount'], 1)
    const path = '/apt/local/main/dists/stable/main/binary-amd64/Packages'
    const [one, other] = await Promise.all(
      [first.url, second.url].map(async (url) => (await fetch(new URL(path, url))).text()),
    )
    assert.match(one ?? '', /^Package: ashlar-hello$/m)
    assert.equal(one, other)
    const folder = await startServing(home.path, [examples, '--database', postgres.url])
    assert.equal((await ashlarJson(['suite', 'show', 'stable', '--server', first.url, ...as]))['packages'], 2)
    assert.equal((await folder.stop()).code, 0)
  } finally {
    await postgres.stop()
  }
})
