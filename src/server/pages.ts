/** The pages for people, and the files that they need. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { Workspace } from '../access/access.ts'
import { assets } from '../web/assets.ts'
import { home } from '../web/home.ts'
import { repository } from '../web/repository.ts'
import { AshlarError } from '../common/errors.ts'
import type { MirrorValue } from '../web/mirror-facts.ts'
import { repositoryUrl } from './changes.ts'
import type { App, Context } from './context.ts'
import { given } from './given.ts'
import { mirrorValue } from './mirror-pages.ts'
import { callerOf, workspaceOf } from './permission.ts'
import { redirect, sendResource } from './send.ts'
import { sendPage } from './send-page.ts'

const hidden = { hide: true }
/** How many past states a page lists. */
const statesOnPage = 50

export function pageRoutes(app: App, context: Context): void {
  homePage(app, context)
  repositoryPage(app, context)
  staticFiles(app)
}

function homePage(app: App, { access, archives }: Context): void {
  app.get('/', {
    config: { asks: 'caller' },
    schema: hidden,
    handler: async (request, reply) => {
      const caller = callerOf(request)
      const scopes = await access.listScopes(caller)
      const readable = await Promise.all(scopes.map(({ name }) => access.listWorkspaces(caller, name)))
      const workspaces = await Promise.all(
        readable.flat().map(async (workspace) => {
          const { scope, name, public: isPublic } = workspace
          return { scope, name, isPublic, suites: await archives.suites(workspace) }
        }),
      )
      const isAnonymous = caller.kind === 'anonymous'
      return sendPage(reply, home({ workspaces, isAnonymous }), { isPrivate: !isAnonymous })
    },
  })
}

function repositoryPage(app: App, context: Context): void {
  const { archives, publicUrl } = context
  app.get('/apt/:scope/:workspace', {
    config: { asks: 'nothing' },
    schema: hidden,
    handler: (request, reply) => {
      const [path = '', query] = request.url.split('?', 2)
      redirect(reply, query === undefined ? `${path}/` : `${path}/?${query}`, 'no-cache')
    },
  })
  app.get('/apt/:scope/:workspace/snapshot/:id', toPageOfSnapshot('../'))
  app.get('/apt/:scope/:workspace/snapshot/:id/', toPageOfSnapshot('../../'))
  app.get('/apt/:scope/:workspace/', {
    config: { asks: 'read' },
    schema: {
      ...hidden,
      querystring: Type.Object({ suite: Type.Optional(Type.String()), at: Type.Optional(Type.String()) }),
    },
    handler: async (request, reply) => {
      const workspace = workspaceOf(request)
      const { suite, at } = request.query
      const suites = await archives.suites(workspace, at)
      const selected =
        suite === undefined ? suites[0] : suites.find(({ name, aliases }) => name === suite || aliases.includes(suite))
      if (suite !== undefined && selected === undefined) {
        throw new AshlarError('suite-unknown', `There is no suite ${suite}${at === undefined ? '' : ` at ${at}`}.`)
      }
      const key = await archives.publicKey(workspace)
      const page = repository({
        ...cardOf(workspace),
        url: repositoryUrl(publicUrl(), workspace),
        suites,
        ...given({
          fingerprints: key?.fingerprints,
          selected: selected && {
            ...selected,
            sources: await archives.sources(workspace, { suite: selected.name, at }),
            ...given({ at, mirror: await mirrorOf(context, workspace, selected.name) }),
            ...(await pastOf(context, workspace, selected.name)),
          },
        }),
      })
      return sendPage(reply, page, { isPrivate: !workspace.public })
    },
  })
}

/** What a suite follows. */
async function mirrorOf({ mirrors }: Context, workspace: Workspace, suite: string): Promise<MirrorValue | undefined> {
  const found = (await mirrors.list(workspace)).find(({ mirror }) => mirror.suite === suite)
  return found && mirrorValue(found)
}

/** The states of a suite that are still there. One that nobody has changed for long is in them without being their cause. */
async function pastOf({ archives, incoming }: Context, workspace: Workspace, suite: string) {
  const all = await archives.history(workspace, suite, { limit: statesOnPage })
  const sealed = all.filter((entry) => entry.state === 'sealed')
  const uploads = await incoming.uploadsOfChanges(sealed.flatMap(({ changes }) => changes.map(({ change }) => change)))
  const history = sealed.map((entry) => ({
    ...entry,
    changes: entry.changes.map((each) => ({ ...each, upload: uploads.get(each.change) })),
  }))
  const [newest] = history.length > 0 ? [] : await archives.snapshots(workspace, 1)
  return { history, ...given({ installable: newest?.revision }) }
}

/** The address of a snapshot, which people follow too, leads to the page of that state. */
function toPageOfSnapshot(up: string) {
  return {
    config: { asks: 'nothing' as const },
    schema: { ...hidden, params: Type.Object({ id: Type.String() }) },
    handler: (request: FastifyRequest<{ Params: { id: string } }>, reply: FastifyReply) => {
      redirect(reply, `${up}?at=${encodeURIComponent(request.params.id)}`, 'no-cache')
    },
  }
}

function staticFiles(app: App): void {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/static/:name',
    config: { asks: 'nothing' },
    schema: { ...hidden, params: Type.Object({ name: Type.String() }) },
    handler: async (request, reply) => {
      const asset = assets.get(request.params.name)
      if (asset === undefined) throw new AshlarError('not-found', `There is no static file ${request.params.name}.`)
      await sendResource(request, reply, {
        contentType: asset.contentType,
        etag: `"${asset.digest}"`,
        sizeBytes: asset.bytes.length,
        cache: 'immutable',
        isPrivate: false,
        open: (range) => ({ kind: 'bytes', bytes: asset.bytes.subarray(range?.start, range?.end) }),
      })
      return reply
    },
  })
}

function cardOf({ scope, name, public: isPublic }: Workspace): { scope: string; name: string; isPublic: boolean } {
  return { scope, name, isPublic }
}
