import { Type } from 'typebox'
import type { Static } from 'typebox'
import { AshlarError } from '../common/errors.ts'
import { timestamp } from '../common/timestamp.ts'
import { noPolicy, setPolicy, unsetPolicy } from '../storage/manage-policies.ts'
import { createStore, deleteStore, type StoreChange as Change, updateStore } from '../storage/manage-stores.ts'
import { parseS3Location } from '../storage/s3-location.ts'
import type { StoreRooms } from '../storage/store-change.ts'
import {
  type LastWork,
  listStores,
  type NamedPolicy,
  policiesOf,
  type ScopeFigures as Figures,
  showStore,
  type StoreInfo,
} from '../storage/store-info.ts'
import type { PlaceWish } from '../storage/store-place.ts'
import type { App, Context } from './context.ts'
import { given } from './given.ts'
import { Policy, PolicyWish, type ScopeFigures, Store, StoreChange, StoreList, StoreWish } from './store-models.ts'
import { refTo } from './model-parts.ts'
import { empty, operation } from './operation.ts'
import { userIdOf } from './permission.ts'

const tags = ['stores']
const ofStore = { store: Type.String() }
const inStore = Type.Object(ofStore)

/** File stores, and how scopes use them. All of it is for administrators. */
export function storeRoutes(app: App, context: Context): void {
  const rooms: StoreRooms = { database: context.database, stores: context.storage.stores }
  readStores(app, rooms)
  writeStores(app, rooms)
  policyRoutes(app, rooms)
}

function readStores(app: App, rooms: StoreRooms): void {
  app.get('/stores', {
    config: { asks: 'instance:manage' },
    schema: operation('listStores', 'The stores, in the order in which they were made', {
      tags,
      response: { 200: refTo(StoreList) },
    }),
    handler: async () => ({ stores: (await listStores(rooms)).map((store) => storeDocument(store)) }),
  })
  app.get('/stores/:store', {
    config: { asks: 'instance:manage' },
    schema: operation('getStore', 'One store, with what each scope has in it', {
      tags,
      params: inStore,
      response: { 200: refTo(Store) },
    }),
    handler: async (request) => await storeNamed(rooms, request.params.store),
  })
}

function writeStores(app: App, rooms: StoreRooms): void {
  app.post('/stores', {
    config: { asks: 'instance:manage' },
    schema: operation('createStore', 'Make a store; the server looks into its place first', {
      tags,
      body: refTo(StoreWish),
      response: { 201: refTo(Store) },
    }),
    handler: async (request, reply) => {
      const { local: _local, s3: _s3, remote: _remote, secret: _secret, policy, ...wish } = request.body
      const place = placeFrom(request.body)
      const policyWish = policy === undefined ? {} : { policy: given(policy) }
      await createStore(rooms, { ...given(wish), ...policyWish, name: wish.name, place }, userIdOf(request))
      return reply.code(201).send(await storeNamed(rooms, wish.name))
    },
  })
  app.patch('/stores/:store', {
    config: { asks: 'instance:manage' },
    schema: operation('updateStore', 'Change a store; it stays where its files are', {
      tags,
      params: inStore,
      body: refTo(StoreChange),
      response: { 200: refTo(Store) },
    }),
    handler: async (request) => {
      const { local, remote, ...rest } = request.body
      const change: Change = given({ ...rest, directory: local?.directory, url: remote?.url })
      await updateStore(rooms, request.params.store, change, userIdOf(request))
      return await storeNamed(rooms, request.params.store)
    },
  })
  app.delete('/stores/:store', {
    config: { asks: 'instance:manage' },
    schema: operation('deleteStore', 'Take a store away that has no files left', {
      tags,
      params: inStore,
      response: { 204: empty('It is gone') },
    }),
    handler: async (request, reply) => {
      await deleteStore(rooms, request.params.store, userIdOf(request))
      return reply.code(204).send()
    },
  })
}

function policyRoutes(app: App, rooms: StoreRooms): void {
  const address = '/stores/:store/policies/:scope'
  const params = Type.Object({
    ...ofStore,
    scope: Type.String({ description: 'A scope; `*` for every scope without a policy of its own' }),
  })
  app.get(address, {
    config: { asks: 'instance:manage' },
    schema: operation('getPolicy', 'How a scope is told to use a store', {
      tags,
      params,
      response: { 200: refTo(Policy) },
    }),
    handler: async (request) => await policyAt(rooms, request.params),
  })
  app.put(address, {
    config: { asks: 'instance:manage' },
    schema: operation('setPolicy', 'Tell a scope how to use a store; what is not named is not wanted', {
      tags,
      params,
      body: refTo(PolicyWish),
      response: { 200: refTo(Policy) },
    }),
    handler: async (request) => {
      await setPolicy(rooms, policyPlace(request.params), given(request.body), userIdOf(request))
      return await policyAt(rooms, request.params)
    },
  })
  app.delete(address, {
    config: { asks: 'instance:manage' },
    schema: operation('unsetPolicy', 'Take a policy back', { tags, params, response: { 204: empty('It is gone') } }),
    handler: async (request, reply) => {
      await unsetPolicy(rooms, policyPlace(request.params), userIdOf(request))
      return reply.code(204).send()
    },
  })
}

function policyPlace({ store, scope }: { store: string; scope: string }): { store: string; scope: string | null } {
  return { store, scope: scope === '*' ? null : scope }
}

async function policyAt(rooms: StoreRooms, params: { store: string; scope: string }): Promise<NamedPolicy> {
  const place = policyPlace(params)
  const policies = await policiesOf(rooms.database, place.store)
  const policy = policies.find(({ scope }) => scope === place.scope)
  if (policy === undefined) throw noPolicy(place)
  return policy
}

/** @throws AshlarError request-invalid unless exactly one place is named */
function placeFrom({ local, s3, remote, secret }: Static<typeof StoreWish>): PlaceWish {
  if ([local, s3, remote].filter((each) => each !== undefined).length !== 1) {
    throw new AshlarError('request-invalid', 'A store is in one place: give one of local, s3 and remote.')
  }
  if (secret !== undefined && s3 === undefined) {
    throw new AshlarError('request-invalid', 'Only a bucket (s3) has credentials.', { extra: { field: '/secret' } })
  }
  if (local !== undefined) return { kind: 'local', ...local }
  if (remote !== undefined) return { kind: 'remote', ...remote }
  return { kind: 's3', s3: parseS3Location(s3), secret: secret === undefined ? null : given(secret) }
}

async function storeNamed(rooms: StoreRooms, name: string): Promise<Static<typeof Store>> {
  const { store, scopes } = await showStore(rooms, name)
  return { ...storeDocument(store), scopes: scopes.map((figures) => scopeDocument(figures)) }
}

function storeDocument(store: StoreInfo): Static<typeof Store> {
  const { place, createdAt, figures, lastVacuum, lastScrub, policies, ...rest } = store
  return {
    ...rest,
    kind: place.kind,
    ...placeDocument(place),
    createdAt: timestamp(createdAt),
    policies: [...policies],
    figures:
      figures === null ? null : { ...figures, takenAt: timestamp(figures.takenAt), savedBytes: savedOf(figures) },
    lastVacuum: workDocument(lastVacuum),
    lastScrub: workDocument(lastScrub),
  }
}

/** Names each member, so that none is told which is added one day and is secret. */
function placeDocument(place: PlaceWish): Pick<Static<typeof Store>, 'local' | 's3' | 'remote'> {
  switch (place.kind) {
    case 'local':
      return { local: { directory: place.directory } }
    case 'remote':
      return { remote: { url: place.url } }
    case 's3': {
      const { bucket, region, prefix, endpoint, pathStyle, storageClass, redirect, publicEndpoint, partBytes } =
        place.s3
      const rest = given({ endpoint, storageClass, publicEndpoint, partBytes })
      return { s3: { bucket, region, prefix, pathStyle, redirect, ...rest } }
    }
  }
}

function scopeDocument(figures: Figures): Static<typeof ScopeFigures> {
  return { ...figures, savedBytes: savedOf(figures) }
}

/** What deduplication saves. Files that no artifact has take room all the same. */
function savedOf({ bytes, logicalBytes }: { readonly bytes: number; readonly logicalBytes: number }): number {
  return Math.max(0, logicalBytes - bytes)
}

function workDocument(work: LastWork | null) {
  if (work === null) return null
  const { startedAt, finishedAt, ...rest } = work
  return {
    ...rest,
    startedAt: timestamp(startedAt),
    finishedAt: finishedAt === null ? null : timestamp(finishedAt),
  }
}
