/**
 * What stores and policies may not say together. Pure: asked before a change is kept (store-change.ts), of everything
 * that would hold after it.
 *
 * Every rule is a row of one of the two tables below, with the sentence that refuses what breaks it. A chain of drains
 * (A to B, B to C) is refused by `drain-to-drained`, so there can be no circle either.
 */
import { type PolicyRecord, type StoreMap, type StorePolicy, type StoreRecord } from './store-policy.ts'

/** A scope that exists; or those that do not yet, which have only the policies for every scope. */
export interface ScopeName {
  /** 0 for scopes that do not exist yet; no row has it. */
  readonly id: number
  readonly name: string
}

export const newScopes: ScopeName = { id: 0, name: 'a new one' }

export interface Breach {
  readonly rule: string
  /** The same before and after a change if it was there before. */
  readonly key: string
  /** Names the stores and the scope, and says what to do. */
  readonly sentence: string
}

/** One policy as it is written, whichever scopes it reaches. */
interface WrittenPolicy {
  readonly store: StoreRecord
  readonly policy: PolicyRecord
  readonly target: StoreRecord | undefined
}

/** The policy that holds for a scope in a store that it may use. */
interface HoldingPolicy {
  readonly map: StoreMap
  readonly scope: ScopeName
  readonly store: StoreRecord
  readonly policy: StorePolicy
  readonly target: StoreRecord | undefined
}

interface Rule<Case> {
  readonly name: string
  readonly broken: (the: Case) => boolean
  readonly sentence: (the: Case) => string
}

const whatIsWritten: readonly Rule<WrittenPolicy>[] = [
  {
    name: 'foreign-store',
    broken: ({ store, policy }) =>
      store.scopeId !== null && policy.scopeId !== null && policy.scopeId !== store.scopeId,
    sentence: ({ store }) => `The store ${store.name} belongs to another scope; this one cannot use it.`,
  },
  {
    name: 'upload-remote',
    broken: ({ store, policy }) => policy.uploadPriority !== null && store.kind === 'remote',
    sentence: ({ store }) => `No uploads can go to ${store.name}: a remote store is only read.`,
  },
  {
    name: 'upload-read-only',
    broken: ({ policy }) => policy.uploadPriority !== null && policy.readOnly,
    sentence: ({ store }) =>
      `No uploads can go to ${store.name} while it is read-only: take away the one or the other.`,
  },
  {
    // What an upload's answer acknowledges is installable at once.
    name: 'upload-write-only',
    broken: ({ policy }) => policy.uploadPriority !== null && policy.writeOnly,
    sentence: ({ store }) =>
      `No uploads can go to ${store.name} while it is write-only, for what is uploaded is read: populate it instead.`,
  },
  {
    name: 'upload-drained',
    broken: ({ policy }) => policy.uploadPriority !== null && policy.drain,
    sentence: ({ store }) =>
      `No uploads can go to ${store.name} while it is drained: take its upload priority away as well.`,
  },
  {
    name: 'populate-remote',
    broken: ({ store, policy }) => policy.populate && store.kind === 'remote',
    sentence: ({ store }) => `${store.name} cannot be populated: a remote store is only read.`,
  },
  {
    name: 'populate-read-only',
    broken: ({ policy }) => policy.populate && policy.readOnly,
    sentence: ({ store }) => `${store.name} cannot be populated while it is read-only: take away the one or the other.`,
  },
  {
    name: 'populate-drained',
    broken: ({ policy }) => policy.populate && policy.drain,
    sentence: ({ store }) => `${store.name} cannot be populated and drained at once.`,
  },
  {
    name: 'drain-to-idle',
    broken: ({ policy }) => policy.drainTo !== null && !policy.drain,
    sentence: ({ store }) => `${store.name} is not drained, so nothing can say where to: drain it as well.`,
  },
  {
    name: 'drain-to-missing',
    broken: ({ policy, target }) => policy.drainTo !== null && target === undefined,
    sentence: ({ store }) => `${store.name} cannot be drained to a store that does not exist.`,
  },
  {
    name: 'drain-to-itself',
    broken: ({ store, policy }) => policy.drainTo === store.id,
    sentence: ({ store }) => `${store.name} cannot be drained to itself.`,
  },
  {
    name: 'drain-to-remote',
    broken: ({ target }) => target?.kind === 'remote',
    sentence: ({ store, target }) =>
      `${store.name} cannot be drained to ${nameOf(target)}: a remote store is only read.`,
  },
  {
    // Whose store the target is, every scope that is drained must be.
    name: 'drain-to-foreign',
    broken: ({ store, policy, target }) =>
      target !== undefined && target.scopeId !== null && target.scopeId !== (policy.scopeId ?? store.scopeId),
    sentence: ({ store, target }) =>
      `${store.name} cannot be drained to ${nameOf(target)}, which belongs to one scope: set it for that scope.`,
  },
]

const whatHolds: readonly Rule<HoldingPolicy>[] = [
  {
    name: 'drain-to-read-only',
    broken: ({ map, scope, target }) => target !== undefined && map.policy(scope.id, target.id).readOnly,
    sentence: ({ scope, store, target }) =>
      `${store.name} cannot be drained to ${nameOf(target)}, which is read-only for the scope ${scope.name}.`,
  },
  {
    // What is drained stays readable.
    name: 'drain-to-write-only',
    broken: ({ map, scope, target }) => target !== undefined && map.policy(scope.id, target.id).writeOnly,
    sentence: ({ scope, store, target }) =>
      `${store.name} cannot be drained to ${nameOf(target)}, from which the scope ${scope.name} never reads.`,
  },
  {
    name: 'drain-to-drained',
    broken: ({ map, scope, target }) => target !== undefined && map.policy(scope.id, target.id).drain,
    sentence: ({ scope, store, target }) =>
      `${store.name} cannot be drained to ${nameOf(target)}, which is drained itself for the scope ${scope.name}.`,
  },
  {
    name: 'drain-nowhere',
    broken: ({ map, scope, store, policy }) =>
      scope.id !== newScopes.id &&
      policy.drain &&
      policy.drainTo === null &&
      map.uploadTargets(scope.id).every((each) => each.id === store.id),
    sentence: ({ scope, store }) =>
      `${store.name} cannot be drained: no other store takes the uploads of the scope ${scope.name}. ` +
      `Give one an upload priority first.`,
  },
]

/**
 * All that is wrong with stores and policies.
 * @param scopes every scope that a store or a policy names, and `newScopes` or one for all others
 */
export function breachesOf(map: StoreMap, scopes: readonly ScopeName[]): Breach[] {
  return [
    ...map.policies.flatMap((policy) => ofWritten(map, policy)),
    ...scopes.flatMap((scope) => ofHolding(map, scope)),
    ...scopes.flatMap((scope) => withoutUploads(map, scope)),
  ]
}

function ofWritten(map: StoreMap, policy: PolicyRecord): Breach[] {
  const store = map.byId(policy.storeId)
  if (store === undefined) return []
  const the: WrittenPolicy = { store, policy, target: targetOf(map, policy) }
  return whatIsWritten
    .filter(({ broken }) => broken(the))
    .map(({ name, sentence }) => ({
      rule: name,
      key: `${name} ${store.id} ${policy.scopeId ?? '*'}`,
      sentence: sentence(the),
    }))
}

function ofHolding(map: StoreMap, scope: ScopeName): Breach[] {
  return map.all
    .filter((store) => map.mayUse(scope.id, store))
    .flatMap((store) => {
      const policy = map.policy(scope.id, store.id)
      const the: HoldingPolicy = { map, scope, store, policy, target: targetOf(map, policy) }
      return whatHolds
        .filter(({ broken }) => broken(the))
        .map(({ name, sentence }) => ({
          rule: name,
          key: `${name} ${store.id} for ${scope.id}`,
          sentence: sentence(the),
        }))
    })
}

/** A scope that nothing can be uploaded to. One that does not exist yet may wait for a store of its own. */
function withoutUploads(map: StoreMap, scope: ScopeName): Breach[] {
  if (scope.id === newScopes.id || map.uploadTargets(scope.id).length > 0) return []
  const sentence =
    `Then no store would take the uploads of the scope ${scope.name}. ` +
    `Give another one an upload priority for it, or for every scope, first.`
  return [{ rule: 'no-uploads', key: `no-uploads ${scope.id}`, sentence }]
}

function targetOf(map: StoreMap, policy: StorePolicy): StoreRecord | undefined {
  return policy.drainTo === null ? undefined : map.byId(policy.drainTo)
}

function nameOf(store: StoreRecord | undefined): string {
  return store?.name ?? 'nothing'
}
