/** By whom something came: an account, or a key that signed it, or both. */

export interface Signer {
  readonly fingerprint: string
  /** What the key calls itself, such as `Jane <jane@example.org>`. */
  readonly userId: string | null
}

export interface Authorship {
  /** Whose token it came with. */
  readonly user: string | null
  readonly signer?: Signer | null | undefined
}

/** `jane`, `signed by Jane <jane@example.org>`, `ci (signed by Jane <jane@example.org>)`; nothing if it is not known. */
export function authorText({ user, signer }: Authorship): string {
  if (signer === null || signer === undefined) return user ?? ''
  const signed = `signed by ${signer.userId ?? `key ${signer.fingerprint.slice(-16)}`}`
  return user === null ? signed : `${user} (${signed})`
}

/** `copy by jane`, `upload signed by Jane <jane@example.org>`, `mirror`. */
export function deedText(deed: string, authorship: Authorship): string {
  const by = authorship.user === null ? '' : 'by '
  return `${deed} ${by}${authorText(authorship)}`.trim()
}
