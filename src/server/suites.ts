import type { Static } from 'typebox'
import { Type } from 'typebox'
import type { HistoryEntry, SuiteInfo } from '../archive/archives.ts'
import { timestamp } from '../common/timestamp.ts'
import { snapshotUrl, submitChange } from './changes.ts'
import type { App, Context } from './context.ts'
import { given } from './given.ts'
import { AliasWish, SealedChange } from './change-models.ts'
import { HistoryPage, Suite, SuiteList, SuiteSettingsWish, SuiteWish } from './suite-models.ts'
import { refTo } from './model-parts.ts'
import { bytesOf, operation } from './operation.ts'
import { atQuery, inSuite, inWorkspace, limitParameter, query, workspaceParameters } from './parameters.ts'
import { workspaceOf } from './permission.ts'

const suites = '/workspaces/:scope/:workspace/suites'
const suite = `${suites}/:suite`
const tags = ['suites']
const sealed = { 200: refTo(SealedChange) }

/** Suites: their settings, names and history. What is in them is in suite-packages.ts. */
export function suiteRoutes(app: App, context: Context): void {
  readSuites(app, context)
  changeSuites(app, context)
}

function readSuites(app: App, { archives, incoming, publicUrl }: Context): void {
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
      const uploads = await incoming.uploadsOfChanges(
        entries.flatMap(({ changes }) => changes.map((each) => each.change)),
      )
      const history = entries.map((entry) => ({
        ...historyDocument(entry, uploads),
        ...(entry.state === 'sealed' && { snapshot: snapshotUrl(publicUrl(), workspace, entry.revision) }),
      }))
      const next = history.length === limit ? history.at(-1)?.revision : undefined
      return { history, ...given({ next }) }
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
      keyrings: [...info.settings.keyrings],
      installabilityWith: [...info.settings.installabilityWith],
    },
    sealedAt: timestamp(sealedAt),
  }
}

function historyDocument(
  { revision, sealedAt, state, changes }: HistoryEntry,
  uploads: Awaited<ReturnType<Context['incoming']['uploadsOfChanges']>>,
) {
  return {
    revision,
    sealedAt: timestamp(sealedAt),
    state,
    addedCount: changes.reduce((sum, { added }) => sum + added, 0),
    removedCount: changes.reduce((sum, { removed }) => sum + removed, 0),
    changes: changes.map(({ change, kind, user, batch, added, removed, uninstallable, takenIndexes }) => ({
      id: change,
      kind,
      user,
      batch,
      upload: uploads.get(change) ?? null,
      addedCount: added,
      removedCount: removed,
      uninstallable,
      takenIndexes,
    })),
  }
}
