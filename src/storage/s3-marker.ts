/**
 * The mark that tells a store's place in a bucket from that of another one: an empty object whose name holds the
 * identity. Without it two instances with one prefix would take each other's files for bytes that nobody records.
 */
import { AshlarError } from '../common/errors.ts'
import type { S3Bucket } from './s3-bucket.ts'

const markerPrefix = 'ashlar-store-'
const nothing = { path: '/dev/null', start: 0, end: 0 }

/** @throws AshlarError storage-failed if the place is not that of the store with this identity */
export async function checkBucket(bucket: S3Bucket, identity: string): Promise<void> {
  if ((await bucket.size(`${markerPrefix}${identity}`)) !== undefined) return
  throw new AshlarError('storage-failed', `The place of the store ${bucket.place.name} does not hold this store.`)
}

/**
 * Makes the place in the bucket that of the store with this identity.
 * @throws AshlarError conflict if it is another store's; storage-full, storage-failed
 */
export async function markBucket(bucket: S3Bucket, identity: string, signal?: AbortSignal): Promise<void> {
  for await (const { name } of bucket.list(markerPrefix, signal)) {
    if (name === `${markerPrefix}${identity}`) return
    throw new AshlarError('conflict', `That place in the bucket holds another store; choose another prefix.`)
  }
  await bucket.put(`${markerPrefix}${identity}`, nothing, { condition: 'none', signal })
}

/** Gives the place up. Idempotent. */
export async function unmarkBucket(bucket: S3Bucket, identity: string): Promise<void> {
  await bucket.delete(`${markerPrefix}${identity}`)
}
