import type { Static } from 'typebox'
import { Type } from 'typebox'
import type { HistoryEntry, SuiteInfo, SuitePackage as ListedPackage } from '../archive/archives.ts'
import { timestamp } from '../common/timestamp.ts'
import { snapshotUrl, submitChange } from './changes.ts'
import type { App, Context } from './context.ts'
import { given } from './given.ts'
import {
  AliasWish,
  At,
  HistoryPage,
  PackageAddition,
  PackageCopy,
  PackagePage,
  PackageRemoval,
  Rollback,
  SealedChange,
  Suite,
  SuiteDifference,
  SuiteList,
  type SuitePackage,
  SuiteSettingsWish,
  SuiteWish,
  refTo,
} from './models.ts'
import { bytesOf, operation } from './operation.ts'
import { atQuery, inSuite, inWorkspace, limitParameter, query, workspaceParameters } from './parameters.ts'
import { workspaceOf } from './permission.ts'

const suites = '/workspaces/:scope/:workspace/suites'
const suite = `${suites}/:suite`
const tags = ['suites']
const sealed = { 200: refTo(SealedChange) }

/** Suites: what is published in them now and was before, and changes of both. */
export function suiteRoutes(app: App, context: Context): void {
  readSuites(app, context)
  readPackages(app, context)
  changeSuites(app, context)
  changePackages(app, context)
}

function readSuites(app: App, { archives, publicUrl }: Context): void {
  app.get(suites, {
    config: { asks: 'read' },
    schema: operation('listSuites', 'The suites', {
      tags,
      params: inWorkspace,
      querystring: atQuery,
      response: { 200: refTo(SuiteList) },
    }),
    handler: async (request) => {
      const found = await archives.suites(workspaceOf(request), request.query.at)
      return { suites: found.map(suiteDocument) }
    },
  })
  app.get(suite, {
    config: { asks: 'read' },
    schema: operation('getSuite', 'One suite', {
      tags,
      params: inSuite,
      querystring: atQuery,
      response: { 200: refTo(Suite) },
    }),
    handler: async (request) =>
      suiteDocument(await archives.suite(workspaceOf(request), request.params.suite, request.query.at)),
  })
  app.get(`${suite}/sources`, {
    config: { asks: 'read' },
    schema: operation('getSources', 'The deb822 stanza for sources.list.d, with the key inline', {
      tags,
      params: inSuite,
      querystring: atQuery,
      response: { 200: bytesOf('text/plain', 'The stanza') },
    }),
    handler: async (request, reply) => {
      const text = await archives.sources(workspaceOf(request), {
        suite: request.params.suite,
        at: request.query.at,
      })
      return reply.type('text/plain; charset=utf-8').send(text)
    },
  })
  app.get(`${suite}/history`, {
    config: { asks: 'read' },
    schema: operation('getHistory', 'The revisions that changed a suite, newest first', {
      tags,
      params: inSuite,
      querystring: query({
        before: Type.Optional(Type.Integer({ minimum: 0, description: 'Only revisions below this number' })),
        limit: limitParameter,
      }),
      response: { 200: refTo(HistoryPage) },
    }),
    handler: async (request) => {
      const workspace = workspaceOf(request)
      const { before, limit } = request.query
      const entries = await archives.history(workspace, request.params.suite, given({ before, limit }))
      const history = entries.map((entry) => ({
        ...historyDocument(entry),
        snapshot: snapshotUrl(publicUrl(), workspace, entry.revision),
      }))
      const next = history.length === limit ? history.at(-1)?.revision : undefined
      return { history, ...given({ next }) }
    },
  })
}

function readPackages(app: App, { archives }: Context): void {
  app.get(`${suite}/packages`, {
    config: { asks: 'read' },
    schema: operation('listPackages', 'The packages of a suite, in the order of their names', {
      tags,
      params: inSuite,
      querystring: query({
        at: Type.Optional(At),
        name: Type.Optional(Type.String()),
        after: Type.Optional(Type.String()),
        limit: limitParameter,
      }),
      response: { 200: refTo(PackagePage) },
    }),
    handler: async (request) => {
      const { at, name, after, limit } = request.query
      const suite = { suite: request.params.suite, at }
      const { items, next } = await archives.packages(workspaceOf(request), suite, given({ name, after, limit }))
      return { packages: items.map(packageDocument), ...given({ next }) }
    },
  })
  app.get(`${suite}/diff`, {
    config: { asks: 'read' },
    schema: operation('getDifference', 'What another state of a suite, or another suite, has and has not', {
      tags,
      params: inSuite,
      querystring: query({
        from: Type.Optional(At),
        to: Type.Optional(At),
        with: Type.Optional(Type.String({ description: 'The suite to compare with; the same one if absent' })),
      }),
      response: { 200: refTo(SuiteDifference) },
    }),
    handler: async (request) => {
      const { from, to, with: other } = request.query
      const name = request.params.suite
      const { added, removed, changed } = await archives.diff(
        workspaceOf(request),
        { suite: name, at: from },
        { suite: other ?? name, at: to },
      )
      return { added: [...added], removed: [...removed], changed: [...changed] }
    },
  })
}

function changeSuites(app: App, context: Context): void {
  app.post(suites, {
    config: { asks: 'suite:manage' },
    schema: operation('createSuite', 'Make a suite', {
      tags,
      params: inWorkspace,
      body: refTo(SuiteWish),
      response: { 201: refTo(SealedChange) },
    }),
    handler: async (request, reply) => {
      const { name, aliases, ...settings } = request.body
      const change = { kind: 'suite-create', suite: name, settings, ...given({ aliases }) } as const
      return reply.code(201).send(await submitChange(context, request, reply, change))
    },
  })
  app.patch(suite, {
    config: { asks: 'suite:manage' },
    schema: operation('updateSuite', 'Change settings of a suite', {
      tags,
      params: inSuite,
      body: refTo(SuiteSettingsWish),
      response: sealed,
    }),
    handler: (request, reply) =>
      submitChange(context, request, reply, {
        kind: 'suite-update',
        suite: request.params.suite,
        settings: request.body,
      }),
  })
  const alias = '/workspaces/:scope/:workspace/aliases/:name'
  const params = Type.Object({ ...workspaceParameters, name: Type.String() })
  app.put(alias, {
    config: { asks: 'suite:manage' },
    schema: operation('setAlias', 'Let a name mean a suite', {
      tags,
      params,
      body: refTo(AliasWish),
      response: sealed,
    }),
    handler: (request, reply) =>
      submitChange(context, request, reply, {
        kind: 'alias',
        name: request.params.name,
        suite: request.body.suite,
      }),
  })
  app.delete(alias, {
    config: { asks: 'suite:manage' },
    schema: operation('removeAlias', 'Let a name mean no suite any more', { tags, params, response: sealed }),
    handler: (request, reply) =>
      submitChange(context, request, reply, { kind: 'alias', name: request.params.name, suite: null }),
  })
}

function changePackages(app: App, context: Context): void {
  const config = { asks: 'suite:write' } as const
  app.post(`${suite}/packages`, {
    config,
    schema: operation('addPackages', 'Add the packages of complete artifacts', {
      tags,
      params: inSuite,
      body: refTo(PackageAddition),
      response: sealed,
    }),
    handler: async (request, reply) => {
      const { artifacts, ...placement } = request.body
      const found = await context.artifacts.packagesOf(workspaceOf(request), artifacts)
      const packageIds = new Set(found.map(({ packageId }) => packageId))
      const place = given(placement)
      return submitChange(context, request, reply, {
        kind: 'add',
        suite: request.params.suite,
        packages: [...packageIds].map((packageId) => Object.assign({ packageId }, place)),
      })
    },
  })
  app.post(`${suite}/remove`, {
    config,
    schema: operation('removePackages', 'Remove packages; past states keep them', {
      tags,
      params: inSuite,
      body: refTo(PackageRemoval),
      response: sealed,
    }),
    handler: (request, reply) =>
      submitChange(context, request, reply, {
        kind: 'remove',
        suite: request.params.suite,
        packages: request.body.packages,
      }),
  })
  app.post(`${suite}/copy`, {
    config,
    schema: operation('copyPackages', 'Take over packages from a state of a suite', {
      tags,
      params: inSuite,
      body: refTo(PackageCopy),
      response: sealed,
    }),
    handler: (request, reply) => {
      const { from, at, packages } = request.body
      return submitChange(context, request, reply, {
        kind: 'copy',
        suite: request.params.suite,
        from: { suite: from, ...given({ at }) },
        ...given({ packages }),
      })
    },
  })
  app.post(`${suite}/rollback`, {
    config,
    schema: operation('rollBack', 'Publish a past state again, as a new revision', {
      tags,
      params: inSuite,
      body: refTo(Rollback),
      response: sealed,
    }),
    handler: (request, reply) =>
      submitChange(context, request, reply, {
        kind: 'rollback',
        suite: request.params.suite,
        to: request.body.to,
      }),
  })
}

function suiteDocument(info: SuiteInfo): Static<typeof Suite> {
  const { aliases, components, architectures, sealedAt } = info
  return {
    ...info,
    aliases: [...aliases],
    components: [...components],
    architectures: [...architectures],
    settings: {
      ...info.settings,
      components: [...info.settings.components],
      architectures: [...info.settings.architectures],
    },
    sealedAt: timestamp(sealedAt),
  }
}

function packageDocument({ sizeBytes, packageId: _, ...listed }: ListedPackage): Static<typeof SuitePackage> {
  return { ...listed, size: sizeBytes }
}

function historyDocument({ revision, sealedAt, changes }: HistoryEntry) {
  return {
    revision,
    sealedAt: timestamp(sealedAt),
    addedCount: changes.reduce((sum, { added }) => sum + added, 0),
    removedCount: changes.reduce((sum, { removed }) => sum + removed, 0),
    changes: changes.map(({ change, kind, user, added, removed }) => ({
      id: change,
      kind,
      user,
      addedCount: added,
      removedCount: removed,
    })),
  }
}
