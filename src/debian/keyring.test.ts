import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { after, before, test } from 'node:test'
import { GpgHome } from '../../test/support/gpg.ts'
import { processorTime } from '../../test/support/processor-time.ts'
import { describeKeys, joinKeyrings, readKeyring } from './keyring.ts'

const skip = spawnSync('gpg', ['--version']).status === 0 ? false : 'gpg is not installed'
const yearSeconds = 365 * 86_400
const now = new Date()
let home: GpgHome
after(() => skip === false && home.close())
let alice: string
let bob: string

before(() => {
  if (skip !== false) return
  home = new GpgHome()
  alice = home.key('Alice <alice@example.org>')
  home.subkey(alice)
  const at = Math.floor(now.getTime() / 1000) - 2 * yearSeconds
  bob = home.key('Bob <bob@example.org>', { algorithm: 'rsa2048', expires: '1y', at })
})

async function factsOf(input: Uint8Array | string) {
  return describeKeys(await readKeyring(input, 'keys.asc'), now)
}

test('armored and binary keyrings tell the same keys', { skip }, async () => {
  const [first, second] = await factsOf(home.binary(alice, bob))
  assert.deepEqual(
    [first?.fingerprint, first?.userIds, first?.algorithm, first?.expiresAt, first?.revoked],
    [alice, ['Alice <alice@example.org>'], 'ed25519', null, false],
  )
  assert.equal(first?.subkeyFingerprints.length, 1)
  assert(second !== undefined)
  assert.deepEqual([second.fingerprint, second.algorithm], [bob, 'rsa2048'])
  assert(second.expiresAt !== null && second.expiresAt < now)
  assert.deepEqual(await factsOf(home.armored(alice, bob)), [first, second])
})

test('armored keys may follow one another, with remarks between them', { skip }, async () => {
  const facts = await factsOf(`# Alice\n${home.armored(alice)}\nand Bob:\n${home.armored(bob)}`)
  assert.deepEqual(
    facts.map((key) => key.fingerprint),
    [alice, bob],
  )
})

test('what a key is written as can be read again', { skip }, async () => {
  const [first] = await factsOf(home.binary(alice))
  assert.deepEqual(await factsOf(first?.armored ?? ''), [first])
})

test('a copy of a key that is not revoked yet does not undo its revocation', { skip }, async () => {
  const carol = home.key('Carol <carol@example.org>')
  const before = home.armored(carol)
  home.revoke(carol)
  const after = home.armored(carol)
  for (const copies of [before + after, after + before]) {
    const facts = await factsOf(copies)
    assert.deepEqual(
      facts.map((key) => [key.fingerprint, key.revoked]),
      [[carol, true]],
    )
  }
})

test('keyrings can be joined', { skip }, async () => {
  const joined = joinKeyrings([await readKeyring(home.binary(alice), 'a'), await readKeyring(home.binary(bob), 'b')])
  assert.equal(joined.keys.length, 2)
})

test('private keys, keyboxes and what is no key are refused', { skip }, async () => {
  const secret = home.run(['--armor', '--export-secret-keys', alice]).toString()
  await assert.rejects(readKeyring(secret, 'x'), { code: 'keyring-invalid', message: /private key/ })
  const keybox = Buffer.concat([Buffer.from([0, 0, 0, 32, 1, 1, 0, 2]), Buffer.from('KBXf'), Buffer.alloc(20)])
  await assert.rejects(readKeyring(keybox, 'x'), { code: 'keyring-invalid', message: /keybox/ })
  const armored = home.armored(alice)
  for (const bad of ['', 'garbage', armored.slice(0, 200), armored.replace(/\n[A-Za-z0-9+/]{64}/, '')]) {
    await assert.rejects(readKeyring(bad, 'x'), { code: 'keyring-invalid' }, bad)
  }
  await assert.rejects(readKeyring('x'.repeat(9 * 2 ** 20), 'x'), { code: 'too-large' })
})

test('armor that begins again and again without an end costs no more than other texts', async () => {
  const spentMs = processorTime()
  const begun = '-----BEGIN PGP PUBLIC KEY BLOCK-----\n'.repeat(2 ** 15)
  await assert.rejects(readKeyring(begun, 'x'), { code: 'keyring-invalid' })
  assert.ok(spentMs() < 5000)
})
