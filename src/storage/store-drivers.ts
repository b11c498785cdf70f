/** Opens a store by its kind. */
import { isAbsolute, join } from 'node:path'
import { AshlarError } from '../common/errors.ts'
import type { Faults } from '../common/faults.ts'
import type { Database } from '../database/database.ts'
import type { FileKey, FileStore } from './file-store.ts'
import { openLocalStore } from './local-store.ts'
import { remotePlace } from './remote-copies.ts'
import { openRemoteStore, type RemoteLocation, type RemotePlace } from './remote-store.ts'
import { parseS3Location, parseS3Secret } from './s3-location.ts'
import { markerOf } from './store-marker.ts'
import type { StoreRecord } from './store-policy.ts'
import type { UploadParts } from './upload-parts.ts'

export interface DriverParts {
  readonly database: Database
  readonly dataDirectory: string
  readonly faults: Faults
}

export interface OpenedStore {
  readonly store: FileStore
  /** Where the store can keep uploads in progress for all servers. */
  readonly parts?: UploadParts
}

/** Where a local store lies: absolute, or below the data directory of whichever server. */
export interface LocalLocation {
  readonly directory: string
  /** What its marker says; undefined of one that was made before stores had markers. */
  readonly identity?: string
}

/** @throws AshlarError storage-failed if it cannot be reached from here, or something else is in its place */
export async function openDriver(record: StoreRecord, parts: DriverParts): Promise<OpenedStore> {
  switch (record.kind) {
    case 'local':
      return { store: await openLocal(record, parts) }
    case 's3':
      return await openS3(record, parts)
    case 'remote': {
      const location = JSON.parse(record.locationJson) as RemoteLocation
      const locate = (key: FileKey): Promise<RemotePlace | undefined> =>
        remotePlace(parts.database.read, record.id, key)
      return { store: openRemoteStore({ name: record.name, location, locate }) }
    }
  }
}

export function localRoot(dataDirectory: string, { directory }: LocalLocation): string {
  return isAbsolute(directory) ? directory : join(dataDirectory, directory)
}

async function openLocal({ name, locationJson }: StoreRecord, parts: DriverParts): Promise<FileStore> {
  const location = JSON.parse(locationJson) as LocalLocation
  const root = localRoot(parts.dataDirectory, location)
  if (location.identity !== undefined && (await markerOf(root)) !== location.identity) {
    throw new AshlarError('storage-failed', `The directory of the store ${name} is not on this server.`)
  }
  const { identity } = location
  return await openLocalStore({ name, root, faults: parts.faults, ...(identity === undefined ? {} : { identity }) })
}

async function openS3({ name, locationJson, secretJson }: StoreRecord, { faults }: DriverParts): Promise<OpenedStore> {
  const { identity, ...location } = JSON.parse(locationJson) as { readonly identity?: string }
  const secret = secretJson === null ? null : parseS3Secret(JSON.parse(secretJson))
  // The client takes a while to load, and most instances have no bucket.
  const [{ openS3Bucket }, { s3Store }, { s3UploadParts }, { checkBucket }] = await Promise.all([
    import('./s3-bucket.ts'),
    import('./s3-store.ts'),
    import('./s3-upload-parts.ts'),
    import('./s3-marker.ts'),
  ])
  const bucket = await openS3Bucket({ name, location: parseS3Location(location), secret })
  const check = async (): Promise<void> => {
    if (identity !== undefined) await checkBucket(bucket, identity)
  }
  await check()
  return { store: s3Store(bucket, { faults, check }), parts: s3UploadParts(bucket) }
}
