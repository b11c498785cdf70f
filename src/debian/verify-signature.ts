/**
 * Verifies what others have signed: a clear-signed text (.changes, .dsc, InRelease) or a detached signature
 * (Release.gpg).
 *
 * Stricter than gpgv where gpgv would merely warn: the key must be good now and not only when it signed (who stole an
 * expired key can date back), nothing may stand around the signed text, and SHA-1, MD5, DSA and RSA below 2048 bits
 * do not count.
 */
import * as openpgp from 'openpgp'
import { AshlarError } from '../common/errors.ts'
import { stripClearsign } from './clearsign.ts'
import type { Keyring } from './keyring.ts'

export interface Signer {
  /** Of the primary key, by which it is known to people: upper-case hexadecimal digits. */
  readonly fingerprint: string
  /** Of the key or subkey that made the signature. */
  readonly signingFingerprint: string
  /** The first user id that the key claims. */
  readonly userId: string | null
  readonly signedAt: Date
}

/** Why a signature does not count. */
export type SignatureFault =
  | 'unsigned'
  | 'malformed'
  | 'unknown-key'
  | 'expired-key'
  | 'revoked-key'
  | 'unsuitable-key'
  | 'weak-hash'
  | 'future'
  | 'expired'
  | 'bad'

export interface VerifyOptions {
  /** What is verified, for messages: `hello_1.0_amd64.changes`. */
  readonly origin: string
  readonly now: Date
}

/** A signer's clock may be ahead of ours by so much. */
const clockSkewMs = 5 * 60_000
/** Each costs an operation with a public key. */
const maximumSignatures = 16
const maximumSignatureBytes = 64 * 2 ** 10
const { hash } = openpgp.enums
const weakHashes = new Set<number | null>([hash.md5, hash.sha1, hash.ripemd])

/**
 * The text on which at least one key of the keyring has a good signature.
 *
 * @returns the text exactly as it was signed: blanks at the ends of its lines are gone, since no signature covers them.
 * @throws AshlarError `signature-invalid`; its `extra.fault` is a {@link SignatureFault}.
 */
export async function verifyClearsigned(
  input: string,
  keyring: Keyring,
  options: VerifyOptions,
): Promise<{ text: string; signers: Signer[] }> {
  const { text, signed } = stripClearsign(input, options.origin)
  if (!signed) throw refusal('unsigned', `${options.origin} is not signed.`)
  // Begun only where a run begins: else each place within a long one would be tried to its end.
  const covered = text.replaceAll(/(?<![ \t])[ \t]+$/gm, '')
  const { parsed, packets } = await readSignature(
    input.slice(input.lastIndexOf('-----BEGIN PGP SIGNATURE-----')),
    options,
  )
  // No signature covers them at the end of a line.
  if (covered.includes('\r')) throw damaged(options)
  // The library does not read it, which for a million lines holds up everybody for seconds: it verifies what is returned.
  const message = await openpgp.createMessage({ text: covered.slice(0, -1).replaceAll('\n', '\r\n') })
  const signers = await goodSigners(packets, keyring, options, async (key, date) => {
    return (await openpgp.verify({ message, signature: parsed, verificationKeys: key, date })).signatures
  })
  return { text: covered, signers }
}

/**
 * The good signatures over `data` by keys of the keyring; at least one.
 *
 * @param signature armored or binary.
 * @throws AshlarError `signature-invalid` as {@link verifyClearsigned}.
 */
export async function verifyDetached(
  data: Uint8Array,
  signature: Uint8Array | string,
  keyring: Keyring,
  options: VerifyOptions,
): Promise<Signer[]> {
  const { parsed, packets } = await readSignature(signature, options)
  const message = await openpgp.createMessage({ binary: data })
  return goodSigners(packets, keyring, options, async (key, date) => {
    return (await openpgp.verify({ message, signature: parsed, verificationKeys: key, date, format: 'binary' }))
      .signatures
  })
}

interface Checked {
  readonly verified: Promise<true>
}

async function goodSigners(
  packets: readonly openpgp.SignaturePacket[],
  keyring: Keyring,
  options: VerifyOptions,
  verify: (key: openpgp.Key, date: Date) => Promise<readonly Checked[]>,
): Promise<Signer[]> {
  const date = new Date(options.now.getTime() + clockSkewMs)
  const good: Signer[] = []
  const bad: AshlarError[] = []
  for (const [place, packet] of packets.entries()) {
    try {
      good.push(await goodSigner(packet, place))
    } catch (error) {
      if (!(error instanceof AshlarError)) throw error
      bad.push(error)
    }
  }
  const [first] = bad
  if (good.length > 0 || first === undefined) return good
  if (bad.length === 1) throw first
  const all = [...new Set(bad.map((error) => error.message))].join(' ')
  throw new AshlarError('signature-invalid', all, { extra: { ...first.extra } })

  async function goodSigner(packet: openpgp.SignaturePacket, place: number): Promise<Signer> {
    const keyId = packet.issuerKeyID.toHex().toUpperCase()
    const signedAt = packet.created ?? new Date(0)
    // Anyone can claim a foreign subkey for a key of their own, so more than one may have to be tried.
    const candidates = keyring.keys.filter((key) => key.getKeys(packet.issuerKeyID).length > 0)
    if (candidates.length === 0) {
      throw refusal('unknown-key', `${options.origin} is signed by the key ${keyId}, which is not trusted here.`)
    }
    if (signedAt > date) throw refusal('future', `${options.origin} is signed in the future, at ${text(signedAt)}.`)
    if (packet.getExpirationTime() <= options.now) {
      throw refusal('expired', `The signature of ${options.origin} has expired.`)
    }
    if (weakHashes.has(packet.hashAlgorithm)) {
      throw refusal('weak-hash', `${options.origin} is signed with a hash that is broken; use SHA-256 or SHA-512.`)
    }
    let fault: AshlarError | undefined
    for (const key of candidates) {
      fault = await keyFault(key, packet.issuerKeyID, date, options)
      if (fault !== undefined) continue
      const verified = await (await verify(key, date))[place]?.verified.catch(() => false)
      const signing = key.getKeys(packet.issuerKeyID)[0] ?? key
      if (verified === true) return signerOf(key, signing.getFingerprint(), signedAt)
    }
    throw fault ?? refusal('bad', `${options.origin} is not what the key ${keyId} has signed.`)
  }
}

function signerOf(key: openpgp.Key, signingFingerprint: string, signedAt: Date): Signer {
  return {
    fingerprint: key.getFingerprint().toUpperCase(),
    signingFingerprint: signingFingerprint.toUpperCase(),
    userId: key.getUserIDs()[0] ?? null,
    signedAt,
  }
}

/** What keeps the key, or its subkey that signed, from signing at that moment. */
async function keyFault(
  key: openpgp.Key,
  keyId: openpgp.KeyID,
  date: Date,
  options: VerifyOptions,
): Promise<AshlarError | undefined> {
  try {
    await key.getSigningKey(keyId, date)
    return undefined
  } catch (error) {
    const name = key.getFingerprint().toUpperCase()
    const subject = `${options.origin} is signed by the key ${name}, which`
    const subkey = key.getSubkeys().find((one) => one.getKeyID().equals(keyId))
    if ((await key.isRevoked(undefined, undefined, date)) || (subkey?.revocationSignatures.length ?? 0) > 0) {
      return refusal('revoked-key', `${subject} is revoked.`)
    }
    for (const expiry of [await key.getExpirationTime(), await subkey?.getExpirationTime(date)]) {
      if (expiry instanceof Date && expiry <= date) {
        return refusal('expired-key', `${subject} has expired at ${text(expiry)}.`)
      }
    }
    const reason = error instanceof Error ? error.message : String(error)
    return refusal('unsuitable-key', `${subject} cannot sign: ${reason.replace(/\.$/, '')}.`)
  }
}

/** The packets are those over documents, at the places at which the library answers for them. */
async function readSignature(
  signature: Uint8Array | string,
  options: VerifyOptions,
): Promise<{ parsed: openpgp.Signature; packets: openpgp.SignaturePacket[] }> {
  if (signature.length > maximumSignatureBytes) throw damaged(options)
  const bytes = Buffer.from(signature)
  const armored = bytes.subarray(0, 64).toString('latin1').trimStart().startsWith('-----BEGIN PGP ')
  const parsed = await parse(options, () =>
    armored
      ? openpgp.readSignature({ armoredSignature: bytes.toString('latin1') })
      : openpgp.readSignature({ binarySignature: bytes }),
  )
  const { binary, text } = openpgp.enums.signature
  const packets = parsed.packets.filter(
    (packet) =>
      packet instanceof openpgp.SignaturePacket && (packet.signatureType === binary || packet.signatureType === text),
  )
  if (packets.length === 0 || packets.length > maximumSignatures) throw damaged(options)
  return { parsed, packets }
}

async function parse<T>(options: VerifyOptions, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    throw damaged(options, error)
  }
}

function damaged(options: VerifyOptions, cause?: unknown): AshlarError {
  return new AshlarError('signature-invalid', `${options.origin} has a damaged signature.`, {
    cause,
    extra: { fault: 'malformed' satisfies SignatureFault },
  })
}

function refusal(fault: SignatureFault, detail: string): AshlarError {
  return new AshlarError('signature-invalid', detail, { extra: { fault } })
}

function text(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`
}
