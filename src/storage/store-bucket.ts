/** Giving a place in a bucket to a store: it must be nobody else's, and is marked as the store's. */
import type { S3Location, S3Secret } from './s3-location.ts'

export interface BucketWish {
  /** Of the store. */
  readonly name: string
  readonly location: S3Location
  readonly secret: S3Secret | null
  readonly identity: string
}

export interface BucketClaims {
  /** @throws AshlarError conflict if it is another store's; storage-failed, storage-full */
  claim(wish: BucketWish): Promise<void>
  /** Gives the place back. Idempotent. @throws AshlarError storage-failed */
  leave(wish: BucketWish): Promise<void>
}

/** How long a bucket may take to answer. */
const patienceMs = 15_000

export const realBuckets: BucketClaims = {
  async claim({ identity, ...place }) {
    const [{ openS3Bucket }, { markBucket }] = await Promise.all([import('./s3-bucket.ts'), import('./s3-marker.ts')])
    await markBucket(await openS3Bucket(place), identity, AbortSignal.timeout(patienceMs))
  },
  async leave({ identity, ...place }) {
    const [{ openS3Bucket }, { unmarkBucket }] = await Promise.all([import('./s3-bucket.ts'), import('./s3-marker.ts')])
    await unmarkBucket(await openS3Bucket(place), identity)
  },
}
