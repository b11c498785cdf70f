/** What is mirrored is changed by a command; where the server goes, only administrators say. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import * as openpgp from 'openpgp'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { ashlar, ashlarJson, type Serving, startServing } from './serving.ts'

const home = await temporaryDirectory()
let serving: Serving
before(async () => {
  serving = await startServing(home.path)
  const { publicKey } = await openpgp.generateKey({ userIDs: [{ name: 'upstream' }], format: 'object' })
  const keyring = join(home.path, 'upstream.asc')
  await writeFile(keyring, publicKey.armor())
  const options = ['--keyring', keyring, '--component', 'main', '--filter', 'hello', '--with-deps', '--lazy']
  await ashlarJson(['mirror', 'create', 'up', 'http://127.0.0.1:9/', 'stable', ...options], serving.beside)
})
after(async () => {
  await serving[Symbol.asyncDispose]()
  await home[Symbol.asyncDispose]()
})

test('what is given changes, also back, and the rest stays', async () => {
  const given = ['--component', 'main,contrib', '--component', 'non-free', '--every', '6h', '--max-fetch', '5G']
  const changed = await ashlarJson(['mirror', 'set', 'up', ...given], serving.beside)
  const { components, everySeconds, maxFetchBytes, filter, withDeps, lazy } = changed
  assert.deepEqual(
    { components, everySeconds, maxFetchBytes, filter, withDeps, lazy },
    {
      components: ['main', 'contrib', 'non-free'],
      everySeconds: 21_600,
      maxFetchBytes: 5e9,
      filter: 'hello',
      withDeps: true,
      lazy: true,
    },
  )
  const back = ['--no-component', '--no-every', '--no-filter', '--no-lazy', '--url', 'http://127.0.0.1:9/moved']
  const again = await ashlarJson(['mirror', 'set', 'up', ...back, '--suite', 'testing'], serving.beside)
  const { url, upstreamSuite, nextAt } = again
  assert.deepEqual([again['components'], again['filter'], again['withDeps'], nextAt], [null, null, false, null])
  assert.deepEqual([url, upstreamSuite, again['lazy']], ['http://127.0.0.1:9/moved/', 'testing', false])
  const { store } = again
  const shown = await ashlarJson(['store', 'show', String(store)], serving.beside)
  assert.match(JSON.stringify(shown), /127\.0\.0\.1:9\/moved\//)
})

test('nothing to change is not understood', async () => {
  const { code, stderr } = await ashlar(['mirror', 'set', 'up'], serving.beside)
  assert.equal(code, 2)
  assert.match(stderr, /Say what to change/)
})
