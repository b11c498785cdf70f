/** What the server says of uploads and keyrings. */

export interface UploadFinding {
  /** A file, or `signature`, `distribution`, `text`. */
  readonly subject: string
  readonly good: boolean
  readonly text: string
}

/** A key that signed something. */
export interface Signer {
  readonly fingerprint: string
  /** What the key calls itself, such as `Jane <jane@example.org>`. */
  readonly userId: string | null
}

export interface Upload {
  readonly id: number
  readonly suite: string
  /** The name of the .changes. */
  readonly name: string
  readonly source: string | null
  readonly version: string | null
  readonly state: 'accepting' | 'accepted' | 'refused'
  /** The trusted key that signed it. */
  readonly signer: Signer | null
  /** Whose token it came with. */
  readonly user: string | null
  readonly findings: readonly UploadFinding[]
  readonly revision: number | null
  readonly artifact: number | null
  readonly receivedAt: string
  readonly decidedAt: string | null
  /** URL of the verdict for people. */
  readonly page: string
}

export interface UploadPage {
  readonly uploads: readonly Upload[]
  /** Give it as `before` for older ones. */
  readonly next?: number
}

export interface WaitingFile {
  readonly suite: string
  readonly name: string
  readonly size: number
  readonly sha256: string
  readonly user: string | null
  readonly receivedAt: string
  readonly expiresAt: string
}

export interface TrustedKey {
  readonly fingerprint: string
  readonly userIds: readonly string[]
  readonly algorithm: string
  readonly expiresAt: string | null
  readonly revoked: boolean
  readonly addedAt: string
  readonly addedBy: string | null
}

export interface Keyring {
  readonly name: string
  readonly keys: readonly TrustedKey[]
}
