/** Whether the .changes of an upload is signed as its suite asks, and by whom. */
import { AshlarError } from '../common/errors.ts'
import { stripClearsign } from '../debian/clearsign.ts'
import type { Keyring } from '../debian/keyring.ts'
import { type Signer, verifyClearsigned } from '../debian/verify-signature.ts'
import { type Findings, isRefusal } from './finding.ts'
import type { Submission } from './submission.ts'

/** Whether the upload counts only with a signature by a key that the suite trusts. */
export function asksForSignature({ suite, userId }: Pick<Submission, 'suite' | 'userId'>): boolean {
  return suite.settings.signedUploads || userId === null
}

/** @returns the text that counts: with a signature exactly what was signed; undefined if it has none that can be told. */
export async function judgeSignature(
  { trusted, now }: { readonly trusted: Keyring; readonly now: Date },
  submission: Pick<Submission, 'suite' | 'userId' | 'bytes' | 'name'>,
  findings: Findings,
): Promise<{ text: string | undefined; signer: Signer | null }> {
  const { suite, userId, bytes, name } = submission
  const subject = 'signature'
  const isAsked = asksForSignature(submission)
  try {
    const input = decode(bytes, name)
    const clear = stripClearsign(input, name)
    if (!clear.signed) {
      if (!isAsked) findings.good(subject, 'It is not signed, which the suite does not ask for.')
      else if (userId === null) findings.bad(subject, 'It is not signed, and it came without a token.')
      else findings.bad(subject, `It is not signed, and ${suite.name} takes only signed uploads.`)
      return { text: clear.text, signer: null }
    }
    try {
      const { text, signers } = await verifyClearsigned(input, trusted, { origin: name, now })
      const [signer] = signers
      if (signer === undefined) throw new Error('A good signature has a signer')
      findings.good(subject, `Signed by ${signer.userId ?? 'the key'} (${signer.fingerprint}).`)
      return { text, signer }
    } catch (error) {
      if (isRefusal(error) && error.extra['fault'] === 'unknown-key' && !isAsked) {
        findings.good(subject, 'It is signed by a key that is in no keyring of the suite, which asks for none.')
      } else {
        findings.refuse(subject, error)
      }
      return { text: clear.text, signer: null }
    }
  } catch (error) {
    findings.refuse(subject, error)
    return { text: undefined, signer: null }
  }
}

function decode(bytes: Buffer, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new AshlarError('control-invalid', `${name} is not UTF-8.`)
  }
}
