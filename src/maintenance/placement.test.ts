/** The rules of where copies are, against random sets of stores, policies and copies. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { FileCopy } from '../storage/file-copies.ts'
import { type PolicyRecord, StoreMap, type StoreRecord, unusedPolicy } from '../storage/store-policy.ts'
import { isDispensable, type PlacementStep, placementOf } from './placement.ts'

const storeIds = [1, 2, 3, 4]
const scopeIds = [1, 2, 3]

const stores = fc.tuple(
  ...storeIds.map(() =>
    fc.record({
      kind: fc.constantFrom<StoreRecord['kind']>('local', 's3', 'remote'),
      scopeId: fc.option(fc.constantFrom(...scopeIds), { freq: 2 }),
      hardMaxBytes: fc.option(fc.constantFrom(5, 1000), { freq: 2 }),
    }),
  ),
)
const policy = fc.record({
  scopeId: fc.option(fc.constantFrom(...scopeIds)),
  storeId: fc.constantFrom(...storeIds),
  uploadPriority: fc.option(fc.integer({ min: 0, max: 3 })),
  populate: fc.boolean(),
  drain: fc.boolean(),
  drainTo: fc.option(fc.constantFrom(...storeIds), { freq: 2 }),
  readOnly: fc.boolean(),
  writeOnly: fc.boolean(),
})
const given = fc.record({
  stores,
  policies: fc.uniqueArray(policy, { maxLength: 8, selector: ({ scopeId, storeId }) => `${scopeId} ${storeId}` }),
  present: fc.subarray(storeIds, { minLength: 1 }),
  scopes: fc.subarray(scopeIds, { minLength: 1 }),
})

describe('placement, whatever the stores and policies', () => {
  const check = (property: (map: StoreMap, present: Set<number>, scopes: Set<number>) => void): void => {
    fc.assert(
      fc.property(given, ({ stores, policies, present, scopes }) => {
        property(mapOf(stores, policies), new Set(present), new Set(scopes))
      }),
      { numRuns: 2000 },
    )
  }

  it('takes no copy away that a scope would miss', () => {
    check((map, present, scopes) => {
      const before = [...scopes].filter((scopeId) => [...present].some((id) => map.isHome(scopeId, id)))
      const after = applied(present, placementOf(map, { sizeBytes: 10, copies: copiesIn(present), scopes }))
      for (const scopeId of before) assert.ok([...after].some((id) => map.isHome(scopeId, id)))
    })
  })

  it('takes nothing out of a store where a scope that does not drain it puts its files', () => {
    check((map, present, scopes) => {
      const steps = placementOf(map, { sizeBytes: 10, copies: copiesIn(present), scopes })
      for (const step of steps) {
        if (step.kind !== 'condemn') continue
        const store = map.byId(step.storeId)
        assert.ok(store !== undefined)
        for (const scopeId of scopes) {
          const { drain, uploadPriority } = map.policy(scopeId, store.id)
          assert.ok(!map.mayUse(scopeId, store) || drain || uploadPriority === null)
        }
      }
    })
  })

  it('copies only to where the scope may put it, and where there is room', () => {
    check((map, present, scopes) => {
      for (const step of placementOf(map, { sizeBytes: 10, copies: copiesIn(present), scopes })) {
        if (step.kind !== 'copy') continue
        assert.ok([...scopes].some((scopeId) => map.isWritable(scopeId, step.to)))
        assert.ok(step.to.hardMaxBytes === null || step.to.hardMaxBytes >= 10)
        assert.ok(!present.has(step.to.id))
      }
    })
  })

  it('asks for nothing more once its steps are done', () => {
    check((map, present, scopes) => {
      fc.pre(isPossible(map))
      const first = placementOf(map, { sizeBytes: 10, copies: copiesIn(present), scopes })
      const after = applied(present, first)
      const second = placementOf(map, { sizeBytes: 10, copies: copiesIn(after), scopes })
      const undone = second.filter((step) => step.kind !== 'stuck')
      assert.deepEqual(undone, [])
    })
  })
})

it('a store cannot be left by a file whose other copy its scope does not read', () => {
  const map = mapOf(
    [
      { kind: 'local', scopeId: null, hardMaxBytes: null },
      { kind: 'local', scopeId: null, hardMaxBytes: null },
    ],
    [{ ...unusedPolicy, storeId: 2, scopeId: null, writeOnly: true, uploadPriority: null }],
  )
  assert.equal(isDispensable(map, 1, new Set([1, 2]), new Set([1])), false)
  assert.equal(isDispensable(map, 2, new Set([1, 2]), new Set([1])), true)
})

/** Of the sets that are refused when they are set, those that would send files to and fro. */
function isPossible(map: StoreMap): boolean {
  return map.policies.every(({ populate, drain, drainTo }) => {
    if (populate && drain) return false
    return drainTo === null || scopeIds.every((scopeId) => map.isHome(scopeId, drainTo))
  })
}

function applied(present: ReadonlySet<number>, steps: readonly PlacementStep[]): Set<number> {
  const after = new Set(present)
  for (const step of steps) {
    if (step.kind === 'copy') after.add(step.to.id)
    if (step.kind === 'condemn') after.delete(step.storeId)
  }
  return after
}

function copiesIn(storeIds: ReadonlySet<number>): FileCopy[] {
  return [...storeIds].map((storeId) => ({ storeId, generation: 0, state: 'present' }))
}

function mapOf(
  stores: readonly Pick<StoreRecord, 'kind' | 'scopeId' | 'hardMaxBytes'>[],
  policies: readonly Partial<PolicyRecord>[],
): StoreMap {
  return new StoreMap(
    stores.map((store, index) => ({
      ...store,
      id: index + 1,
      name: `store ${index + 1}`,
      locationJson: '{}',
      secretJson: null,
      softMaxBytes: null,
      usedFiles: 0,
      usedBytes: 0,
      holdsUploads: false,
      nextGeneration: 0,
    })),
    policies.map((policy) => Object.assign({ storeId: 0, scopeId: null }, unusedPolicy, policy)),
  )
}
