/** `ashlar fsck`, as an administrator runs it, against a real server. */
import assert from 'node:assert/strict'
import { unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { flipBit } from '../support/fsck-run.ts'
import { makeDeb } from '../support/make-deb.ts'
import { storedFiles, withBackup } from '../support/second-store.ts'
import { serve } from '../support/serve.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { publish, sha256 } from '../support/upload.ts'

const deb = makeDeb({ name: 'hello', version: '2.10-3' })

/** A data directory in which a package was published. */
async function published(home: string): Promise<string> {
  await using server = await serve({ home })
  await server.workspace.createSuite({ name: 'stable' })
  await publish(server, 'stable', { 'hello_2.10-3_all.deb': deb })
  await server.stop()
  return join(home, 'ashlar-data')
}

test('what is lost is named with its artifact and suite, and the exit status says so', async () => {
  await using home = await temporaryDirectory()
  const data = await published(home.path)
  const path = (await storedFiles(data, 'store')).find((each) => each.endsWith(sha256(deb))) ?? ''
  await unlink(path)
  await using server = await serve({ home: home.path })
  const { code, stdout, stderr } = await server.ashlar('fsck', '--repair')
  assert.deepEqual([code, stderr], [1, ''])
  assert.match(
    stdout,
    new RegExp(`^damaged {3}${sha256(deb)} +\\d.* (KiB|B) {2}local: it is missing in its store$`, 'm'),
  )
  assert.match(stdout, new RegExp(`^lost {6}${sha256(deb)} `, 'm'))
  assert.match(stdout, /^ {10}artifact 1 of local\/main: hello_2\.10-3_all\.deb$/m)
  assert.match(stdout, /^ {10}suite stable of local\/main, r2 to today: hello 2\.10-3 all$/m)
  assert.match(stdout, /^Checked \d+ files\. 2 problems left \(1 file lost\)\.$/m)

  const json = await server.ashlar('fsck', '--json')
  assert.equal(json.code, 1)
  const document = JSON.parse(json.stdout) as { findings: { severity: string }[]; summary: { lost: number } }
  assert.deepEqual(
    document.findings.map(({ severity }) => severity),
    ['damaged', 'lost'],
  )
  assert.equal(document.summary.lost, 1)
})

test('a flipped bit is found with --deep, and repaired from the other store', async () => {
  await using home = await temporaryDirectory()
  const data = await published(home.path)
  await withBackup(data)
  for (const path of await storedFiles(data, 'store')) await flipBit(path)
  await using server = await serve({ home: home.path })
  const shallow = await server.ashlar('fsck')
  assert.deepEqual([shallow.code, shallow.stderr], [0, ''])
  assert.match(shallow.stdout, /^Checked \d+ files\. All is well\.\n$/)

  const deep = await server.ashlar('fsck', '--deep', '--bandwidth', '50M', '--store', 'local')
  assert.equal(deep.code, 1)
  assert.match(deep.stdout, /^damaged .*local: it has \d+ bytes with the digest/m)
  assert.match(deep.stdout, /, re-read \d+ copies of .*\. \d+ problems left\.$/m)

  const repair = await server.ashlar('fsck', '--repair')
  assert.equal(repair.code, 0, repair.stdout)
  assert.match(repair.stdout, /^repaired .*local: there are good copies in backup, local$/m)
  assert.match(repair.stdout, /problems repaired\. No problem is left\.$/m)
  assert.deepEqual(await server.ashlar('fsck', '--deep', '--quiet'), { code: 0, signal: null, stdout: '', stderr: '' })
})

test('lost packs of indexes come back with --rebuild', async () => {
  await using home = await temporaryDirectory()
  const data = await published(home.path)
  const packs = (await storedFiles(data, 'store')).filter((each) => !each.endsWith(sha256(deb)))
  // The Releases of directories, made with the suite, and the lists of packages.
  assert.equal(packs.length, 2)
  for (const pack of packs) await unlink(pack)
  await using server = await serve({ home: home.path })
  const lost = await server.ashlar('fsck', '--repair')
  assert.equal(lost.code, 1)
  assert.match(lost.stdout, /^ {10}suite stable of local\/main, r2 to today: its indexes$/m)
  const rebuilt = await server.ashlar('fsck', '--rebuild')
  assert.equal(rebuilt.code, 0, rebuilt.stdout)
  const packages = await fetch(`${server.apt}dists/stable/main/binary-amd64/Packages.xz`)
  assert.equal(packages.status, 200)
  await packages.arrayBuffer()
})

test('who may not manage the server may not check it, and a bandwidth is understood', async () => {
  await using home = await temporaryDirectory()
  await using server = await serve({ home: home.path })
  const anonymous = await fetch(`${server.url}/api/v1/maintenance/fsck`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  })
  assert.equal(anonymous.status, 401)
  const odd = await server.request('/api/v1/maintenance/fsck', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"deeper": true}',
  })
  assert.equal(odd.status, 400)
  assert.equal((await server.ashlar('fsck', '--bandwidth', 'fast')).code, 2)
  assert.equal((await server.ashlar('fsck', '--store', 'nowhere')).code, 1)
})
