/** File stores and their policies, as a client sees them. */

/** A bucket, or what lies under a prefix of one. */
export interface S3Place {
  readonly bucket: string
  /** May be left out where an endpoint is given. */
  readonly region?: string
  readonly prefix?: string
  readonly endpoint?: string
  readonly pathStyle?: boolean
  readonly storageClass?: string
  readonly redirect?: boolean
  readonly publicEndpoint?: string
  readonly partBytes?: number
}

/** Credentials; the server takes them, and never gives them. */
export interface S3Secret {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

/** How a scope uses a store. What is not given is not wanted. */
export interface PolicyWish {
  readonly uploadPriority?: number | null
  readonly downloadPriority?: number | null
  readonly populate?: boolean
  readonly drain?: boolean
  /** Name of a store; null: where uploads go. */
  readonly drainTo?: string | null
  readonly readOnly?: boolean
  readonly writeOnly?: boolean
  readonly softMaxBytes?: number | null
}

export interface Policy extends Required<PolicyWish> {
  /** Null: every scope without a policy of its own. */
  readonly scope: string | null
}

export interface StoreLimits {
  readonly softMaxBytes?: number | null
  readonly hardMaxBytes?: number | null
}

/** Has one of `local`, `s3` and `remote`. */
export interface StoreWish extends StoreLimits {
  readonly name: string
  readonly local?: { readonly directory: string }
  readonly s3?: S3Place
  readonly remote?: { readonly url: string }
  readonly secret?: S3Secret
  /** The only scope that may use it. */
  readonly scope?: string
  readonly holdsUploads?: boolean
  /** For every scope that may use it. */
  readonly policy?: PolicyWish
}

/** What is not given stays; null takes it away. */
export interface StoreChange extends StoreLimits {
  readonly local?: { readonly directory: string }
  readonly s3?: { readonly [Key in keyof S3Place]?: S3Place[Key] | null }
  readonly remote?: { readonly url: string }
  readonly secret?: S3Secret | null
  readonly holdsUploads?: boolean
}

interface CopySums {
  readonly files: number
  readonly bytes: number
}

interface Sums extends CopySums {
  /** What artifacts would take if each kept its own files. */
  readonly logicalBytes: number
  readonly savedBytes: number
}

/** In bytes; null where it is not known. */
export interface Growth {
  readonly day: number | null
  readonly week: number | null
}

export interface StoreWork {
  readonly state: 'running' | 'done' | 'stopped' | 'failed'
  readonly startedAt: string
  readonly finishedAt: string | null
  readonly summary: unknown
}

export interface StoreInfo extends CopySums {
  readonly name: string
  readonly kind: 'local' | 's3' | 'remote'
  readonly local?: { readonly directory: string }
  readonly s3?: S3Place
  readonly remote?: { readonly url: string }
  readonly ownCredentials: boolean
  readonly scope: string | null
  readonly softMaxBytes: number | null
  readonly hardMaxBytes: number | null
  readonly holdsUploads: boolean
  readonly createdAt: string
  /** Why the server that answered cannot use it. */
  readonly unreachable: string | null
  readonly policies: readonly Policy[]
  /** As they were last taken. */
  readonly figures: (Sums & { readonly takenAt: string }) | null
  readonly growth: Growth
  readonly damaged: CopySums
  readonly condemned: CopySums
  readonly lastVacuum: StoreWork | null
  readonly lastScrub: StoreWork | null
  /** What each scope has there; only where one store was asked for. */
  readonly scopes?: readonly (Sums & { readonly scope: string; readonly growth: Growth })[]
}
