import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { after, before, test } from 'node:test'
import { GpgHome } from '../../test/support/gpg.ts'
import { processorTime } from '../../test/support/processor-time.ts'
import { generateArchiveKey, loadSigner } from './openpgp.ts'
import { formatInRelease } from './clearsign.ts'
import { readKeyring } from './keyring.ts'
import type { Keyring } from './keyring.ts'
import { verifyClearsigned, verifyDetached } from './verify-signature.ts'

const skip = spawnSync('gpgv', ['--version']).status === 0 ? false : 'gpg and gpgv are not installed'
const daySeconds = 86_400
const nowSeconds = Math.floor(Date.now() / 1000)
const longAgo = nowSeconds - 800 * daySeconds
const text = 'Source: hello\n- dashes\nChanges: Grüße \t\n -x\n'
/** As `text`, without what no clear-text signature covers. */
const covered = text.replace(' \t\n', '\n')

let home: GpgHome
after(() => skip === false && home.close())
let exported: Buffer
let keyring: Keyring
const keys = { good: '', rsa: '', sub: '', expired: '', expiredSub: '', revoked: '', dsa: '', small: '', stranger: '' }

before(async () => {
  if (skip !== false) return
  home = new GpgHome()
  keys.good = home.key('Good')
  keys.rsa = home.key('Rsa', { algorithm: 'rsa2048' })
  keys.sub = home.key('With a subkey')
  home.subkey(keys.sub)
  keys.expired = home.key('Expired', { at: longAgo, expires: '1y' })
  keys.expiredSub = home.key('Expired subkey', { at: longAgo })
  home.subkey(keys.expiredSub, { at: longAgo, expires: '1y' })
  keys.revoked = home.key('Revoked')
  keys.dsa = home.key('Dsa', { algorithm: 'dsa2048' })
  keys.small = home.key('Small', { algorithm: 'rsa1024' })
  keys.stranger = home.key('Stranger')
})

/** Signatures as uploaders might make them, and how they are judged. */
const cases: readonly {
  name: string
  make: () => string
  verdict: string
  /** gpgv accepts what we refuse. */
  gpgvAccepts?: true
}[] = [
  { name: 'ed25519', make: () => home.clearsign(text, { by: keys.good }), verdict: 'good' },
  { name: 'RSA', make: () => home.clearsign(text, { by: keys.rsa }), verdict: 'good' },
  { name: 'a subkey', make: () => home.clearsign(text, { by: keys.sub }), verdict: 'good' },
  { name: 'a stranger', make: () => home.clearsign(text, { by: keys.stranger }), verdict: 'unknown-key' },
  {
    name: 'a stranger and a friend',
    make: () => home.clearsign(text, { by: [keys.stranger, keys.rsa] }),
    verdict: 'good',
  },
  {
    name: 'a key that has expired since',
    make: () => home.clearsign(text, { by: keys.expired, at: longAgo + daySeconds }),
    verdict: 'expired-key',
  },
  {
    name: 'a subkey that has expired since',
    make: () => home.clearsign(text, { by: keys.expiredSub, at: longAgo + daySeconds }),
    verdict: 'expired-key',
  },
  {
    name: 'a key revoked since',
    make: () => {
      const signed = home.clearsign(text, { by: keys.revoked })
      home.revoke(keys.revoked)
      return signed
    },
    verdict: 'revoked-key',
  },
  {
    name: 'a signature that has expired',
    make: () => {
      const more = ['--default-sig-expire', 'seconds=60']
      return home.clearsign(text, { by: keys.expiredSub.concat('!'), at: longAgo + daySeconds, more })
    },
    verdict: 'expired',
  },
  { name: 'SHA-1', make: () => home.clearsign(text, { by: keys.rsa, digest: 'SHA1' }), verdict: 'weak-hash' },
  { name: 'RIPEMD', make: () => home.clearsign(text, { by: keys.rsa, digest: 'RIPEMD160' }), verdict: 'weak-hash' },
  { name: 'altered', make: () => home.clearsign(text, { by: keys.good }).replace('hello', 'hullo'), verdict: 'bad' },
  {
    name: 'another text signed by the same key',
    make: () => {
      const [one, two] = [text, 'Source: evil\n'].map((input) => home.clearsign(input, { by: keys.good }))
      const begin = '-----BEGIN PGP SIGNATURE-----'
      return `${two?.split(begin)[0]}${begin}${one?.split(begin)[1]}`
    },
    verdict: 'bad',
  },
  {
    name: 'signed tomorrow',
    make: () => home.clearsign(text, { by: keys.good, at: nowSeconds + daySeconds }),
    verdict: 'future',
    gpgvAccepts: true,
  },
  { name: 'DSA', make: () => home.clearsign(text, { by: keys.dsa }), verdict: 'unsuitable-key', gpgvAccepts: true },
  {
    name: 'RSA of 1024 bits',
    make: () => home.clearsign(text, { by: keys.small }),
    verdict: 'unsuitable-key',
    gpgvAccepts: true,
  },
  {
    name: 'carriage returns, which no signature covers',
    make: () => home.clearsign(text, { by: keys.good }).replace('Source: hello\n', 'Source: hello\r\n'),
    verdict: 'malformed',
    gpgvAccepts: true,
  },
  {
    name: 'text before the signed block',
    make: () => `Source: evil\n${home.clearsign(text, { by: keys.good })}`,
    verdict: 'malformed',
    gpgvAccepts: true,
  },
  {
    name: 'text after the signed block',
    make: () => `${home.clearsign(text, { by: keys.good })}\nSource: evil\n`,
    verdict: 'malformed',
    gpgvAccepts: true,
  },
  {
    name: 'a second signed block',
    make: () => home.clearsign(text, { by: keys.good }).repeat(2),
    verdict: 'malformed',
    gpgvAccepts: true,
  },
]

async function verdictOf(signed: string): Promise<string> {
  try {
    const { text: seen, signers } = await verifyClearsigned(signed, keyring, { origin: 'x.changes', now: new Date() })
    assert.equal(seen, covered)
    assert.equal(signers.length, 1)
    return 'good'
  } catch (error) {
    if (!(error instanceof Error && 'extra' in error)) throw error
    const { fault } = error.extra as { fault?: string }
    return fault ?? 'malformed'
  }
}

test('clear-signed texts are judged as gpgv judges them, or more strictly', { skip }, async (t) => {
  const signed = cases.map((one) => ({ ...one, text: one.make() }))
  const { stranger, ...trusted } = keys
  exported = home.binary(...Object.values(trusted))
  assert(!exported.includes(stranger))
  keyring = await readKeyring(exported, 'uploaders.gpg')
  for (const one of signed) {
    await t.test(one.name, async () => {
      assert.equal(await verdictOf(one.text), one.verdict)
      assert.equal(home.gpgv(exported, one.text).good, one.verdict === 'good' || one.gpgvAccepts === true)
    })
  }
})

test('the signer is named by primary key, subkey and time', { skip }, async () => {
  const signed = home.clearsign(text, { by: keys.sub })
  const { signers } = await verifyClearsigned(signed, keyring, { origin: 'x', now: new Date() })
  const [signer] = signers
  assert.equal(signer?.fingerprint, keys.sub)
  assert.notEqual(signer.signingFingerprint, keys.sub)
  assert.equal(signer.userId, 'With a subkey')
  assert(Math.abs(signer.signedAt.getTime() - Date.now()) < 60_000)
})

test('whoever claims the subkey of another keeps nobody from signing', { skip }, async () => {
  // The victim's subkey with its binding, appended to a key of the attacker's.
  const attacker = home.key('Attacker')
  const victim = home.binary(keys.sub)
  const subkey = victim.subarray(victim.lastIndexOf(Buffer.from([0xb8, 0x33, 0x04])))
  const joined = Buffer.concat([home.binary(attacker), subkey, victim])
  const both = await readKeyring(joined, 'x')
  assert.deepEqual([both.keys.length, both.keys[0]?.subkeys.length], [2, 1])
  const signed = home.clearsign(text, { by: keys.sub })
  const { signers } = await verifyClearsigned(signed, both, { origin: 'x', now: new Date() })
  assert.equal(signers[0]?.fingerprint, keys.sub)
  const alone = await readKeyring(Buffer.concat([home.binary(attacker), subkey]), 'x')
  await assert.rejects(verifyClearsigned(signed, alone, { origin: 'x', now: new Date() }), {
    code: 'signature-invalid',
  })
})

test('an unsigned text has no signer', { skip }, async () => {
  await assert.rejects(verifyClearsigned(text, keyring, { origin: 'x.changes', now: new Date() }), {
    code: 'signature-invalid',
    message: 'x.changes is not signed.',
  })
})

test('a detached signature is verified, armored or binary, as gpgv does', { skip }, async () => {
  const armored = home.detach(text, { by: keys.good })
  const binary = home.run(['--local-user', keys.rsa, '--detach-sign'], text)
  const options = { origin: 'Release.gpg', now: new Date() }
  const [signer] = await verifyDetached(Buffer.from(text), armored, keyring, options)
  assert.equal(signer?.fingerprint, keys.good)
  assert.equal((await verifyDetached(Buffer.from(text), Buffer.from(armored), keyring, options)).length, 1)
  assert.equal((await verifyDetached(Buffer.from(text), binary, keyring, options))[0]?.fingerprint, keys.rsa)
  assert(home.gpgv(exported, armored, text).good)
  const refused = { code: 'signature-invalid', extra: { fault: 'bad' } }
  await assert.rejects(verifyDetached(Buffer.from(`${text}x`), armored, keyring, options), refused)
  assert(!home.gpgv(exported, armored, `${text}x`).good)
  for (const bad of [
    '',
    'garbage',
    armored.slice(0, 100),
    home.armored(keys.good),
    Buffer.alloc(100),
    'x'.repeat(2 ** 17),
  ]) {
    const damaged = { code: 'signature-invalid', extra: { fault: 'malformed' } }
    await assert.rejects(verifyDetached(Buffer.from(text), bad, keyring, options), damaged)
  }
})

test('both kinds of signature that an archive of ours makes are good', async () => {
  const date = new Date()
  const key = await generateArchiveKey({ name: 'Ashlar archive test', date })
  const release = 'Origin: Ashlar\n-----dashes\nDescription: Grüße\n'
  const { clearSignature, detachedSignature } = await (await loadSigner([key.privateKey])).signRelease(release, date)
  const trusted = await readKeyring(key.publicKey, 'archive-key.asc')
  const options = { origin: 'InRelease', now: date }
  const verified = await verifyClearsigned(formatInRelease(release, clearSignature), trusted, options)
  assert.deepEqual([verified.text, verified.signers[0]?.fingerprint], [release, key.fingerprint])
  assert.equal((await verifyDetached(Buffer.from(release), detachedSignature, trusted, options)).length, 1)
})

test('long runs of blanks cost no more than other texts', async () => {
  const signature = '-----BEGIN PGP SIGNATURE-----\n\niHUEABYKAB0=\n-----END PGP SIGNATURE-----\n'
  const input = formatInRelease(`A: b${' '.repeat(2 ** 17)}c\n`, signature)
  const spentMs = processorTime()
  const nobody = { keys: [] }
  await assert.rejects(verifyClearsigned(input, nobody, { origin: 'x', now: new Date() }), {
    code: 'signature-invalid',
  })
  assert.ok(spentMs() < 5000)
})

test('a text of very many lines holds up nobody for long', async () => {
  const date = new Date()
  const key = await generateArchiveKey({ name: 'Ashlar archive test', date })
  const trusted = await readKeyring(key.publicKey, 'archive-key.asc')
  const { clearSignature } = await (await loadSigner([key.privateKey])).signRelease('Origin: Ashlar\n', date)
  const input = formatInRelease(`Origin: Ashlar\n${'ab \n'.repeat(2 ** 20)}`, clearSignature)
  const spentMs = processorTime()
  await assert.rejects(verifyClearsigned(input, trusted, { origin: 'x', now: date }), { extra: { fault: 'bad' } })
  assert.ok(spentMs() < 5000)
})
