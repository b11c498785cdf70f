import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { breachesOf, newScopes, type ScopeName } from './policy-rules.ts'
import { type PolicyRecord, StoreMap, type StoreRecord, unusedPolicy } from './store-policy.ts'

const scopes: readonly ScopeName[] = [{ id: 1, name: 'alpha' }, { id: 2, name: 'beta' }, newScopes]

/** Stores by name, with ids from 1 in this order. `local` takes the uploads of every scope. */
function store(name: string, given: Partial<StoreRecord> = {}): StoreRecord {
  return {
    id: names.indexOf(name) + 1,
    name,
    kind: 'local',
    scopeId: null,
    locationJson: '{}',
    secretJson: null,
    softMaxBytes: null,
    hardMaxBytes: null,
    usedFiles: 0,
    usedBytes: 0,
    holdsUploads: false,
    nextGeneration: 0,
    ...given,
  }
}

const names = ['local', 'big', 'bucket', 'debian', 'betas']
const all = [
  store('local'),
  store('big'),
  store('bucket', { kind: 's3' }),
  store('debian', { kind: 'remote' }),
  store('betas', { scopeId: 2 }),
]
const big = 2
const bucket = 3
const remote = 4
const betas = 5

function policy(storeId: number, given: Partial<PolicyRecord>): PolicyRecord {
  return { ...unusedPolicy, storeId, scopeId: null, ...given }
}

const uploads = policy(1, { uploadPriority: 100 })

function brokenBy(policies: readonly PolicyRecord[]): string[] {
  return breachesOf(new StoreMap(all, policies), scopes).map(({ rule }) => rule)
}

function sentenceOf(policies: readonly PolicyRecord[]): string {
  return breachesOf(new StoreMap(all, policies), scopes)[0]?.sentence ?? ''
}

const allowed: Readonly<Record<string, readonly PolicyRecord[]>> = {
  'one store for all': [uploads],
  'a second choice': [uploads, policy(big, { uploadPriority: 50 })],
  'a backup that is populated, and never read from': [uploads, policy(bucket, { populate: true, writeOnly: true })],
  'a drain to where uploads go': [uploads, policy(big, { drain: true })],
  'a drain to a store that is named': [uploads, policy(big, { drain: true, drainTo: bucket })],
  'a read-only store that is drained': [uploads, policy(big, { drain: true, readOnly: true })],
  'a write-only store that is drained': [uploads, policy(big, { drain: true, writeOnly: true })],
  'a remote store, read before others': [uploads, policy(remote, { downloadPriority: 500 })],
  'a remote store that is drained': [uploads, policy(remote, { drain: true })],
  'a store of one scope': [uploads, policy(betas, { scopeId: 2, uploadPriority: 200 })],
  'a store of one scope, by the policy for all': [uploads, policy(betas, { uploadPriority: 200 })],
  'a store of one scope drained to another of its': [uploads, policy(big, { scopeId: 2, drain: true, drainTo: betas })],
  'a store that one scope drains and another one uploads to': [
    uploads,
    policy(big, { scopeId: 1, uploadPriority: 100 }),
    policy(big, { scopeId: 2, drain: true }),
  ],
  'no store for scopes that do not exist yet': [
    policy(big, { scopeId: 1, uploadPriority: 1 }),
    policy(betas, { uploadPriority: 1 }),
  ],
}

const refused: readonly (readonly [string, readonly PolicyRecord[], RegExp])[] = [
  ['foreign-store', [uploads, policy(betas, { scopeId: 1, uploadPriority: 1 })], /betas belongs to another scope/],
  ['upload-remote', [uploads, policy(remote, { uploadPriority: 1 })], /debian: a remote store is only read/],
  ['upload-read-only', [uploads, policy(big, { uploadPriority: 1, readOnly: true })], /big while it is read-only/],
  ['upload-write-only', [uploads, policy(big, { uploadPriority: 1, writeOnly: true })], /big while it is write-only/],
  ['upload-drained', [uploads, policy(big, { uploadPriority: 1, drain: true })], /big while it is drained/],
  ['populate-remote', [uploads, policy(remote, { populate: true })], /debian cannot be populated/],
  ['populate-read-only', [uploads, policy(big, { populate: true, readOnly: true })], /big cannot be populated/],
  ['populate-drained', [uploads, policy(big, { populate: true, drain: true })], /populated and drained at once/],
  ['drain-to-idle', [uploads, policy(big, { drainTo: bucket })], /big is not drained/],
  ['drain-to-missing', [uploads, policy(big, { drain: true, drainTo: 99 })], /a store that does not exist/],
  ['drain-to-itself', [uploads, policy(big, { drain: true, drainTo: big })], /big cannot be drained to itself/],
  [
    'drain-to-remote',
    [uploads, policy(big, { drain: true, drainTo: remote })],
    /to debian: a remote store is only read/,
  ],
  ['drain-to-foreign', [uploads, policy(big, { drain: true, drainTo: betas })], /to betas, which belongs to one scope/],
  [
    'drain-to-foreign',
    [uploads, policy(big, { scopeId: 1, drain: true, drainTo: betas })],
    /to betas, which belongs to one scope/,
  ],
  [
    'drain-to-read-only',
    [uploads, policy(big, { drain: true, drainTo: bucket }), policy(bucket, { scopeId: 2, readOnly: true })],
    /to bucket, which is read-only for the scope beta/,
  ],
  [
    'drain-to-write-only',
    [uploads, policy(big, { drain: true, drainTo: bucket }), policy(bucket, { writeOnly: true })],
    /to bucket, from which the scope alpha never reads/,
  ],
  [
    'drain-to-drained',
    [uploads, policy(big, { drain: true, drainTo: bucket }), policy(bucket, { drain: true })],
    /to bucket, which is drained itself/,
  ],
  [
    'drain-nowhere',
    [policy(1, { drain: true }), policy(betas, { uploadPriority: 1 })],
    /local cannot be drained: no other store takes the uploads of the scope alpha/,
  ],
  [
    'no-uploads',
    [uploads, policy(1, { scopeId: 2, downloadPriority: 1 })],
    /no store would take the uploads of the scope beta/,
  ],
  ['no-uploads', [policy(big, { scopeId: 2, uploadPriority: 1 })], /the uploads of the scope alpha/],
]

describe('the rules for stores and policies', () => {
  for (const [what, policies] of Object.entries(allowed)) {
    it(`allow ${what}`, () => {
      assert.deepEqual(brokenBy(policies), [])
    })
  }
  for (const [rule, policies, sentence] of refused) {
    it(`refuse by ${rule}: ${sentence.source}`, () => {
      assert.ok(brokenBy(policies).includes(rule), brokenBy(policies).join())
      assert.match(sentenceOf(policies), sentence)
    })
  }
})

/** Any policy, sensible or not. */
const anyPolicy = fc.record({
  storeId: fc.integer({ min: 1, max: all.length }),
  scopeId: fc.constantFrom(null, 1, 2),
  uploadPriority: fc.constantFrom(null, null, 1, 2),
  downloadPriority: fc.constant(null),
  populate: fc.boolean(),
  drain: fc.boolean(),
  drainTo: fc.constantFrom(null, null, 1, 2, 3, 4, 5),
  readOnly: fc.boolean(),
  writeOnly: fc.boolean(),
  softMaxBytes: fc.constant(null),
})

it('whatever is set, as far as it is accepted, every scope has a store for its uploads, and drains end somewhere', () => {
  fc.assert(
    fc.property(fc.array(anyPolicy, { maxLength: 30 }), fc.boolean(), (wishes, sparse) => {
      let policies: readonly PolicyRecord[] = [uploads]
      for (const each of wishes) {
        // A policy that says little is accepted more often.
        const wish = sparse ? { ...each, populate: false, readOnly: false, writeOnly: false } : each
        const others = policies.filter(({ storeId, scopeId }) => storeId !== wish.storeId || scopeId !== wish.scopeId)
        const next = [...others, wish]
        if (brokenBy(next).length === 0) policies = next
        else if (brokenBy(others).length === 0) policies = others
      }
      const map = new StoreMap(all, policies)
      for (const { id } of scopes.filter((scope) => scope.id !== newScopes.id)) {
        const [first] = map.uploadTargets(id)
        assert.ok(first !== undefined && map.isWritable(id, first) && map.isReadable(id, first.id))
        for (const start of all.filter((each) => map.mayUse(id, each))) {
          assert.ok(endOfDrain(map, id, start) !== undefined, `${start.name} is drained for ${id} and never arrives`)
        }
      }
    }),
    { numRuns: 500 },
  )
})

/** The store where what lies in `start` ends up, or undefined if it goes around in a circle or nowhere. */
function endOfDrain(map: StoreMap, scopeId: number, start: StoreRecord): StoreRecord | undefined {
  const seen = new Set<number>()
  let at: StoreRecord | undefined = start
  while (at !== undefined && map.policy(scopeId, at.id).drain) {
    if (seen.has(at.id)) return undefined
    seen.add(at.id)
    const { drainTo } = map.policy(scopeId, at.id)
    at = drainTo === null ? map.uploadTargets(scopeId)[0] : map.byId(drainTo)
    if (at !== undefined && !(map.isWritable(scopeId, at) && map.isReadable(scopeId, at.id))) return undefined
  }
  return at
}
