import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, test } from 'node:test'
import type { TestContext } from 'node:test'
import { formatInRelease } from './clearsign.ts'
import { binaryPublicKeys, generateArchiveKey, loadSigner } from './openpgp.ts'
import type { ArchiveKey } from './openpgp.ts'

const release = 'Origin: Ashlar\nSuite: stable\n-----dashes\n- one\nDescription: Grüße\nSHA256:\n 00 1 main/x\n'
const date = new Date()
const hasGpgv = spawnSync('gpgv', ['--version']).status === 0
const skip = hasGpgv ? false : 'gpgv is not installed'
let key: ArchiveKey
let other: ArchiveKey

before(async () => {
  key = await generateArchiveKey({ name: 'Ashlar archive test', date })
  other = await generateArchiveKey({ name: 'Another archive', date })
})

function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'ashlar-openpgp-'))
  t.after(() => rmSync(directory, { recursive: true }))
  return directory
}

/** The status words that gpgv reports. */
function gpgv(directory: string, args: readonly string[]): string[] {
  const run = spawnSync('gpgv', ['--status-fd', '1', '--keyring', join(directory, 'keys.gpg'), ...args], {
    encoding: 'utf8',
  })
  return Array.from(run.stdout.matchAll(/^\[GNUPG:\] (\S+)/gm), ([, word = '']) => word)
}

test('gpgv finds the very Release in an InRelease', { skip }, async (t) => {
  const directory = temporaryDirectory(t)
  const signer = await loadSigner([key.privateKey])
  const { clearSignature } = await signer.signRelease(release, date)
  writeFileSync(join(directory, 'keys.gpg'), await binaryPublicKeys([key.publicKey]))
  writeFileSync(join(directory, 'InRelease'), formatInRelease(release, clearSignature))
  const words = gpgv(directory, ['--output', join(directory, 'Release'), join(directory, 'InRelease')])
  assert(words.includes('GOODSIG') && words.includes('VALIDSIG'), words.join())
  assert.equal(readFileSync(join(directory, 'Release'), 'utf8'), release)
})

test('gpgv accepts Release.gpg for the Release, and for nothing else', { skip }, async (t) => {
  const directory = temporaryDirectory(t)
  const { detachedSignature } = await (await loadSigner([key.privateKey])).signRelease(release, date)
  writeFileSync(join(directory, 'keys.gpg'), await binaryPublicKeys([key.publicKey]))
  writeFileSync(join(directory, 'Release.gpg'), detachedSignature)
  writeFileSync(join(directory, 'Release'), release)
  const args = [join(directory, 'Release.gpg'), join(directory, 'Release')]
  assert(gpgv(directory, args).includes('GOODSIG'))
  writeFileSync(join(directory, 'Release'), release.replace('stable', 'Stable'))
  assert(gpgv(directory, args).includes('BADSIG'))
})

test('two keys sign, and gpgv knows either', { skip }, async (t) => {
  const directory = temporaryDirectory(t)
  const signer = await loadSigner([key.privateKey, other.privateKey])
  assert.deepEqual(signer.fingerprints, [key.fingerprint, other.fingerprint])
  const { clearSignature } = await signer.signRelease(release, date)
  writeFileSync(join(directory, 'InRelease'), formatInRelease(release, clearSignature))
  for (const { publicKey } of [key, other]) {
    writeFileSync(join(directory, 'keys.gpg'), await binaryPublicKeys([publicKey]))
    const words = gpgv(directory, [join(directory, 'InRelease')])
    assert(words.includes('GOODSIG') && words.includes('ERRSIG'), words.join())
  }
  writeFileSync(join(directory, 'keys.gpg'), await binaryPublicKeys([key.publicKey, other.publicKey]))
  assert.equal(gpgv(directory, [join(directory, 'InRelease')]).filter((word) => word === 'GOODSIG').length, 2)
})

test('the key is one that apt 2.6 knows, dated before its first signature', { skip }, async (t) => {
  const directory = temporaryDirectory(t)
  writeFileSync(join(directory, 'key.asc'), key.publicKey)
  const args = ['--homedir', directory, '--batch', '--with-colons', '--show-keys', join(directory, 'key.asc')]
  const lines = execFileSync('gpg', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).split('\n')
  const fields = lines.find((line) => line.startsWith('pub:'))?.split(':') ?? []
  assert.equal(fields[3], '22')
  assert(Number(fields[5]) < date.getTime() / 1000)
  assert(lines.includes(`fpr:::::::::${key.fingerprint}:`))
})

test('equal text and date give equal signatures', async () => {
  const signer = await loadSigner([key.privateKey])
  assert.deepEqual(await signer.signRelease(release, date), await signer.signRelease(release, date))
})

test('a text that the clear-text frame would change is not signed', async () => {
  const signer = await loadSigner([key.privateKey])
  await assert.rejects(signer.signRelease('A: b \n', date))
  await assert.rejects(signer.signRelease('A: b', date))
})

test('what cannot sign is no signing key', async () => {
  for (const bad of ['', 'garbage', key.publicKey]) {
    await assert.rejects(loadSigner([bad]), { code: 'signature-invalid' })
  }
  await assert.rejects(loadSigner([]), { code: 'signature-invalid' })
})
