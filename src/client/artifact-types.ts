/** Artifacts, as a client sees them. */

export interface FileWish {
  /** Relative, with `/` between segments. */
  readonly path: string
  readonly size: number
  readonly sha256: string
}

export interface RelationWish {
  readonly type: 'extends' | 'relates-to' | 'built-using'
  /** Artifact id. */
  readonly target: number
}

export interface ArtifactWish {
  readonly category: string
  readonly data?: Readonly<Record<string, unknown>>
  readonly files: readonly FileWish[]
  readonly relations?: readonly RelationWish[]
  /** The same key gives the same artifact again, so that a repeated request makes no second one. */
  readonly idempotencyKey?: string
  /** How long it stays once it is complete and nothing holds it; null: as its workspace says; 0: for ever. */
  readonly expireAfterSeconds?: number | null
}

export interface ArtifactFile extends FileWish {
  readonly complete: boolean
  /** Bytes that the server already has of an incomplete file. */
  readonly offset?: number
  /** Why its bytes are there no more, if they are not. */
  readonly gone?: 'expired' | 'purged'
}

export interface Artifact {
  readonly id: number
  readonly category: string
  readonly data: Readonly<Record<string, unknown>>
  readonly createdAt: string
  readonly completedAt: string | null
  readonly complete: boolean
  readonly expireAfterSeconds: number | null
  /** Then it goes, unless something holds it; null: never, or not while it is incomplete. */
  readonly expiresAt: string | null
  readonly files: readonly ArtifactFile[]
  /** Paths whose bytes must still be sent. */
  readonly missing: readonly string[]
  readonly relations: readonly { readonly type: string; readonly target: number }[]
}

export interface ArtifactPage {
  readonly artifacts: readonly Artifact[]
  /** Pass as `after` for what follows; absent on the last page. */
  readonly next?: string
}
