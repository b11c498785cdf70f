/**
 * The one place that decides the order of an index and where a package lies in the pool.
 *
 * apt needs no order; ours makes equal content give equal chunks. A pool path never changes its meaning, so nothing
 * here may ever give another answer for the same input.
 */
import { hash } from 'node:crypto'
import type { Sha256 } from '../common/digest.ts'
import { poolPrefix } from '../debian/names.ts'

/**
 * Orders a map: by source, then by name, then by version as dpkg does. Compared by bytes; the blank sorts before all of
 * a name. What is built from one source says much the same, so it compresses well side by side, and an upload of it
 * touches one chunk rather than one for each of its packages.
 */
export function entryKey(sourceName: string, name: string, versionKey: string): string {
  return `${sourceName} ${name} ${versionKey}`
}

/** The name of the package that a key orders. */
export function nameInKey(key: string): string {
  return key.split(' ', 2)[1] ?? ''
}

/** A pseudo-random number below 2^48 that belongs to a key; cuts are made where it is small. */
export function keyHash(key: string): number {
  return Number.parseInt(hash('sha256', key).slice(0, 12), 16)
}

/**
 * The directory of a source package and the binaries built from it, as in Debian's own pool
 * (`pool/main/h/hello`, `pool/main/libh/libhello`).
 */
export function poolDirectory(component: string, sourceName: string): string {
  return `pool/${component}/${poolPrefix(sourceName)}/${sourceName}`
}

/** Where a package lies whose ordinary path has been used for other bytes: decided by its own bytes alone. */
export function secondPoolDirectory(component: string, sourceName: string, digest: Sha256): string {
  return `${poolDirectory(component, sourceName)}/${digest.slice(0, 12)}`
}
