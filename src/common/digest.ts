/** SHA-256 digests as 64 lower-case hexadecimal digits. */

declare const sha256Brand: unique symbol

/** A SHA-256 digest: 64 lower-case hexadecimal digits. */
export type Sha256 = string & { readonly [sha256Brand]: true }

/** The digest in `text`, or undefined if it is not one. Upper-case digits are accepted, as RFC 4648 section 8 does. */
export function parseSha256(text: string): Sha256 | undefined {
  return /^[0-9a-fA-F]{64}$/.test(text) ? (text.toLowerCase() as Sha256) : undefined
}
