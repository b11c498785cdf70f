/** The clear-text signature framework (RFC 9580 section 7), without any cryptography: putting the frame on, and taking it off. */
import { AshlarError } from '../common/errors.ts'

const beginMessage = '-----BEGIN PGP SIGNED MESSAGE-----'
const beginSignature = '-----BEGIN PGP SIGNATURE-----'
const endSignature = '-----END PGP SIGNATURE-----'

export interface ClearText {
  /** What was signed, or all of an unsigned text; ends with a newline. */
  readonly text: string
  readonly signed: boolean
}

/**
 * The text within a clear-text signature, which is not verified; a text without one is returned as it is.
 *
 * @param origin the file's name, for messages.
 * @throws AshlarError `signature-invalid` if something stands before or after the signed message, or the frame is broken:
 *   a reader that shows more than was signed has been the cause of real attacks.
 */
export function stripClearsign(input: string, origin: string): ClearText {
  if (!input.includes('-----BEGIN PGP ')) return { text: input, signed: false }
  // Begun only where a run begins: else each place within a long one would be tried to its end.
  const lines = input.replace(/(?<!\n)\n+$/, '').split('\n')
  if (lines[0] !== beginMessage) throw invalid(origin, 'something stands before the signed message')
  const start = lines.indexOf('') + 1
  if (start === 0 || !lines.slice(1, start - 1).every((line) => /^Hash: [A-Za-z0-9, -]+$/.test(line))) {
    throw invalid(origin, 'the head of the signed message has something other than Hash')
  }
  const end = lines.indexOf(beginSignature)
  if (end < start) throw invalid(origin, 'the signature is missing')
  if (lines.indexOf(endSignature) !== lines.length - 1) throw invalid(origin, 'something stands after the signature')
  const text = lines.slice(start, end).map((line) => {
    if (line.startsWith('-') && !line.startsWith('- ')) throw invalid(origin, 'a line begins with an unescaped dash')
    return line.startsWith('- ') ? line.slice(2) : line
  })
  return { text: `${text.join('\n')}\n`, signed: true }
}

/**
 * An InRelease: the Release within a frame, with signatures made for it.
 *
 * @param text the Release, whose last line ends with a newline.
 * @param clearSignature armored signatures over the text without its last newline, all with SHA-512.
 */
export function formatInRelease(text: string, clearSignature: string): string {
  const escaped = text.replaceAll(/^-/gm, '- -')
  return `${beginMessage}\nHash: SHA512\n\n${escaped}${clearSignature}`
}

function invalid(origin: string, what: string): AshlarError {
  return new AshlarError('signature-invalid', `${origin}: ${what}.`)
}
