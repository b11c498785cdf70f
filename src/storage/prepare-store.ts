/** Looking into the place of a store before it is recorded, so that a mistake in it is told at once. */
import { randomUUID } from 'node:crypto'
import { AshlarError } from '../common/errors.ts'
import type { S3Location, S3Secret } from './s3-location.ts'
import { realBuckets } from './store-bucket.ts'
import type { LocalLocation } from './store-drivers.ts'
import type { StoreRooms } from './store-change.ts'
import { claimDirectory } from './store-directory.ts'
import type { PlaceWish } from './store-place.ts'
import type { StoreMap, StoreRecord } from './store-policy.ts'
import { systemCode } from './storage-error.ts'

/** What a store is recorded with. */
export interface Prepared {
  readonly locationJson: string
  readonly secretJson: string | null
  /** True if what the store has, if it is recorded already, is not there. */
  readonly isElsewhere: boolean
  /** True if the place where it was is free once it is recorded here. */
  readonly leavesPlace: boolean
  /** Undoes it, if the store was not recorded. */
  release(): Promise<void>
}

/** How long a store may take to answer. */
const patienceMs = 15_000

/**
 * @param store the one that moves there, if it is recorded already
 * @throws AshlarError conflict; store-unusable with the reason
 */
export async function prepareStore(
  rooms: StoreRooms,
  map: StoreMap,
  { name, place, store }: { readonly name: string; readonly place: PlaceWish; readonly store?: StoreRecord },
): Promise<Prepared> {
  switch (place.kind) {
    case 'local':
      return await prepareLocal(rooms, map, { name, directory: place.directory, store })
    case 's3':
      return await prepareBucket(rooms, { name, s3: place.s3, secret: place.secret, store })
    case 'remote': {
      const locationJson = JSON.stringify({ url: place.url })
      return {
        locationJson,
        secretJson: null,
        isElsewhere: locationJson !== store?.locationJson,
        leavesPlace: false,
        async release() {},
      }
    }
  }
}

async function prepareLocal(
  rooms: StoreRooms,
  map: StoreMap,
  wish: { readonly name: string; readonly directory: string; readonly store: StoreRecord | undefined },
): Promise<Prepared> {
  const { name, directory, store } = wish
  const current = store === undefined ? undefined : (JSON.parse(store.locationJson) as LocalLocation)
  const { dataDirectory } = rooms.stores
  const claim = await orUnusable(name, () =>
    claimDirectory({ directory, identity: current?.identity, map, dataDirectory }),
  )
  const locationJson = JSON.stringify(claim.location)
  try {
    await tryStore(rooms, recordOf(name, 'local', locationJson, null))
  } catch (error) {
    await claim.release()
    throw error
  }
  return {
    locationJson,
    secretJson: null,
    isElsewhere: !claim.wasIts,
    leavesPlace: current !== undefined && current.directory !== directory,
    release: () => claim.release(),
  }
}

async function prepareBucket(
  rooms: StoreRooms,
  wish: {
    readonly name: string
    readonly s3: S3Location
    readonly secret: S3Secret | null
    readonly store: StoreRecord | undefined
  },
): Promise<Prepared> {
  const { name, s3, secret, store } = wish
  const buckets = rooms.buckets ?? realBuckets
  const current =
    store === undefined ? undefined : (JSON.parse(store.locationJson) as S3Location & { readonly identity?: string })
  const isElsewhere = current?.bucket !== s3.bucket || current.prefix !== s3.prefix
  const identity = current?.identity ?? randomUUID()
  const claim = { name, location: s3, secret, identity }
  const isNew = isElsewhere || current.identity === undefined
  const release = async (): Promise<void> => {
    if (isNew) await buckets.leave(claim).catch(() => {})
  }
  if (isNew) await orUnusable(name, () => buckets.claim(claim))
  const locationJson = JSON.stringify({ ...s3, identity })
  const secretJson = secret === null ? null : JSON.stringify(secret)
  try {
    await tryStore(rooms, recordOf(name, 's3', locationJson, secretJson))
  } catch (error) {
    await release()
    throw error
  }
  return { locationJson, secretJson, isElsewhere, leavesPlace: current !== undefined && isElsewhere, release }
}

/** Opens the store and asks for what it has: a name that does not resolve, or a key that is wrong, shows here. */
async function tryStore(rooms: StoreRooms, record: StoreRecord): Promise<void> {
  await orUnusable(record.name, async () => {
    const store = await rooms.stores.tryOpen(record)
    const signal = AbortSignal.timeout(patienceMs)
    try {
      for await (const _entry of store.list(signal)) break
    } catch (error) {
      if (signal.aborted) throw new AshlarError('storage-failed', `It did not answer within ${patienceMs / 1000} s.`)
      throw error
    }
  })
}

async function orUnusable<T>(name: string, deed: () => Promise<T>): Promise<T> {
  try {
    return await deed()
  } catch (error) {
    const isKnown = error instanceof AshlarError
    if (isKnown && error.code === 'conflict') throw error
    if (!isKnown && systemCode(error) === undefined) throw error
    const reason = error instanceof Error ? error.message : ''
    throw new AshlarError('store-unusable', `The store ${name} cannot be used there. ${reason}`, { cause: error })
  }
}

function recordOf(
  name: string,
  kind: StoreRecord['kind'],
  locationJson: string,
  secretJson: string | null,
): StoreRecord {
  return {
    id: 0,
    name,
    kind,
    scopeId: null,
    locationJson,
    secretJson,
    softMaxBytes: null,
    hardMaxBytes: null,
    usedFiles: 0,
    usedBytes: 0,
    holdsUploads: false,
    nextGeneration: 0,
  }
}
