/** Giving a directory to a store: it is made, must be nobody else's, and is marked as the store's. */
import { randomUUID } from 'node:crypto'
import { opendir, realpath } from 'node:fs/promises'
import { basename, dirname, join, sep } from 'node:path'
import { AshlarError } from '../common/errors.ts'
import { localRoot, type LocalLocation } from './store-drivers.ts'
import { storageError, systemCode } from './storage-error.ts'
import { markDirectory, markerOf, unmarkDirectory } from './store-marker.ts'
import type { StoreMap } from './store-policy.ts'

/** A directory that a store may be recorded with. */
export interface Claim {
  readonly location: LocalLocation & { readonly identity: string }
  /** True if it was marked as this store's before: the store's files came with it. */
  readonly wasIts: boolean
  /** Gives it back, if the store was not recorded. */
  release(): Promise<void>
}

export interface ClaimWish {
  /** An absolute path. */
  readonly directory: string
  /** That of the store which moves there; one that is new gets a new one. */
  readonly identity?: string | undefined
  readonly map: StoreMap
  readonly dataDirectory: string
}

/**
 * Takes a directory for a store.
 * @throws AshlarError conflict if it is, or lies within or around, what something else uses, or holds other things;
 *   storage-failed, storage-full
 */
export async function claimDirectory(wish: ClaimWish): Promise<Claim> {
  const { directory } = wish
  const identity = wish.identity ?? randomUUID()
  const found = await markerOf(directory)
  if (found !== undefined && found !== identity) {
    throw new AshlarError('conflict', `The directory ${directory} holds another store.`)
  }
  await refuseOverlaps(wish, identity)
  const location = { directory, identity }
  if (found === identity) return { location, wasIts: true, async release() {} }
  await refuseStrangers(directory)
  await markDirectory(directory, identity)
  return { location, wasIts: false, release: () => unmarkDirectory(directory, identity) }
}

/** Two stores in one place would each take the other's files for leftovers. */
async function refuseOverlaps({ directory, map, dataDirectory }: ClaimWish, identity: string): Promise<void> {
  const wanted = await resolved(directory)
  const taken: { readonly path: string; readonly what: string }[] = [
    ...['spool', 'cache'].map((name) => ({ path: join(dataDirectory, name), what: `the ${name} of this server` })),
    ...map.all
      .filter((store) => store.kind === 'local')
      .flatMap((store) => {
        const location = JSON.parse(store.locationJson) as LocalLocation
        if (location.identity === identity) return []
        return [{ path: localRoot(dataDirectory, location), what: `the store ${store.name}` }]
      }),
  ]
  for (const { path, what } of taken) {
    const other = await resolved(path)
    if (isWithin(wanted, other) || isWithin(other, wanted)) {
      throw new AshlarError('conflict', `The directory ${directory} lies within ${what}, or around it.`)
    }
  }
}

/** What a disk that was just formatted, or a store that was deleted, has in it. */
const familiar = /^(?:[0-9a-f]{2}|incoming|lost\+found|ashlar-store\.\d+\.part)$/

/** A store lies in a directory of its own, so that nobody mistakes its files, or has theirs mistaken. */
async function refuseStrangers(directory: string): Promise<void> {
  try {
    for await (const { name } of await opendir(directory)) {
      if (familiar.test(name)) continue
      throw new AshlarError('conflict', `The directory ${directory} holds other things, such as ${name}.`)
    }
  } catch (error) {
    if (error instanceof AshlarError) throw error
    if (systemCode(error) !== 'ENOENT') throw storageError(error, `looking into ${directory}`)
  }
}

/** The path without symbolic links, as far as it exists. */
async function resolved(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    if (systemCode(error) !== 'ENOENT' || dirname(path) === path) throw storageError(error, `looking for ${path}`)
    return join(await resolved(dirname(path)), basename(path))
  }
}

function isWithin(inner: string, outer: string): boolean {
  return inner === outer || inner.startsWith(outer.endsWith(sep) ? outer : `${outer}${sep}`)
}
