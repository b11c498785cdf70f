/** Where the copies of one file should be, by the policies of the scopes that need it. Pure. */
import type { FileCopy } from '../storage/file-copies.ts'
import { hasRoom, type StoreMap, type StoreRecord } from '../storage/store-policy.ts'

export interface Placing {
  readonly sizeBytes: number
  readonly copies: readonly FileCopy[]
  /** The scopes that need it. */
  readonly scopes: ReadonlySet<number>
}

export type PlacementStep =
  | { readonly kind: 'copy'; readonly to: StoreRecord; readonly rule: string }
  /** Once every scope has its copy elsewhere. */
  | { readonly kind: 'condemn'; readonly storeId: number; readonly rule: string }
  | { readonly kind: 'stuck'; readonly storeId: number; readonly rule: string }

/**
 * What populate and drain ask for, and what a scope lacks that can read none of the copies. Copies come first; a store
 * is left only if every scope that needs the file keeps a copy elsewhere, and none keeps it there.
 */
export function placementOf(map: StoreMap, { sizeBytes, copies, scopes }: Placing): PlacementStep[] {
  const present = new Set(copies.filter((copy) => copy.state === 'present').map((copy) => copy.storeId))
  const steps: PlacementStep[] = []
  const copyTo = (to: StoreRecord, rule: string): void => {
    present.add(to.id)
    steps.push({ kind: 'copy', to, rule })
  }

  for (const scopeId of scopes) {
    for (const store of map.all) {
      if (!map.policy(scopeId, store.id).populate || present.has(store.id)) continue
      if (map.isWritable(scopeId, store) && hasRoom(store, sizeBytes)) copyTo(store, `${store.name} is populated`)
    }
    const drained = map.all.filter(
      (store) => present.has(store.id) && map.mayUse(scopeId, store) && map.policy(scopeId, store.id).drain,
    )
    for (const store of drained) {
      const { drainTo } = map.policy(scopeId, store.id)
      const isThere = drainTo === null ? ownHomes(map, scopeId, present).length > 0 : present.has(drainTo)
      if (isThere) continue
      const target = drainTarget(map, scopeId, drainTo, sizeBytes)
      if (target !== undefined) copyTo(target, `${store.name} is drained`)
      else steps.push({ kind: 'stuck', storeId: store.id, rule: `${store.name} is drained, and no store has room` })
    }
    if (drained.length === 0 && homes(map, scopeId, present).length === 0 && present.size > 0) {
      const target = map.uploadTargets(scopeId).find((store) => hasRoom(store, sizeBytes))
      if (target !== undefined) copyTo(target, 'its scope has it in no store of its choice')
    }
  }
  return [...steps, ...leaving(map, present, scopes)]
}

/**
 * Whether a copy may leave a store: every scope that needs the file keeps another.
 * @param present stores with a present copy
 * @param isDouble whether the present copy in this store is another one than the one that leaves
 */
export function isDispensable(
  map: StoreMap,
  storeId: number,
  present: ReadonlySet<number>,
  scopes: ReadonlySet<number>,
  isDouble = false,
): boolean {
  return [...scopes].every((scopeId) => ownHomes(map, scopeId, present).some((id) => isDouble || id !== storeId))
}

function leaving(map: StoreMap, present: ReadonlySet<number>, scopes: ReadonlySet<number>): PlacementStep[] {
  return [...present].flatMap((storeId): PlacementStep[] => {
    const store = map.byId(storeId)
    if (store === undefined || store.kind === 'remote') return []
    const drains = [...scopes].some((scopeId) => map.mayUse(scopeId, store) && map.policy(scopeId, storeId).drain)
    const stays = [...scopes].some((scopeId) => wants(map, scopeId, store))
    if (!drains || stays || !isDispensable(map, storeId, present, scopes)) return []
    return [{ kind: 'condemn', storeId, rule: `${store.name} is drained, and every scope has it elsewhere` }]
  })
}

/** Whether a scope keeps what it needs in this store. */
function wants(map: StoreMap, scopeId: number, store: StoreRecord): boolean {
  if (!map.mayUse(scopeId, store)) return false
  const { drain, populate, uploadPriority } = map.policy(scopeId, store.id)
  return populate || (!drain && uploadPriority !== null)
}

/** The stores with a copy that the scope keeps. */
function homes(map: StoreMap, scopeId: number, present: ReadonlySet<number>): number[] {
  return [...present].filter((storeId) => map.isHome(scopeId, storeId))
}

/** Those among them that are ours to keep: what an upstream has now it may not have tomorrow. */
function ownHomes(map: StoreMap, scopeId: number, present: ReadonlySet<number>): number[] {
  return homes(map, scopeId, present).filter((storeId) => map.byId(storeId)?.kind !== 'remote')
}

function drainTarget(
  map: StoreMap,
  scopeId: number,
  drainTo: number | null,
  sizeBytes: number,
): StoreRecord | undefined {
  if (drainTo === null) return map.uploadTargets(scopeId).find((store) => hasRoom(store, sizeBytes))
  const target = map.byId(drainTo)
  return target !== undefined && map.isWritable(scopeId, target) && hasRoom(target, sizeBytes) ? target : undefined
}
