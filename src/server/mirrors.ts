/** Mirrors: suites that follow a suite of another repository. */
import { type Static, Type } from 'typebox'
import { timestamp } from '../common/timestamp.ts'
import {
  type MirrorChange as MirrorChanges,
  type MirrorInfo,
  type MirrorWish as MirrorCreation,
  type MirrorWork,
  usualSettings,
} from '../mirror/mirrors.ts'
import type { App, Context } from './context.ts'
import { sendEvents } from './event-stream.ts'
import {
  Mirror,
  MirrorChange,
  type MirrorDocument,
  MirrorList,
  MirrorRemoved,
  MirrorUpdateWish,
  MirrorWish,
} from './mirror-models.ts'
import { refTo } from './model-parts.ts'
import { bytesOf, operation } from './operation.ts'
import { inWorkspace, workspaceParameters } from './parameters.ts'
import { callerOf, userIdOf, workspaceOf } from './permission.ts'

const mirrorsPath = '/workspaces/:scope/:workspace/mirrors'
const mirrorPath = `${mirrorsPath}/:mirror`
const inMirror = Type.Object({ ...workspaceParameters, mirror: Type.String() })
const tags = ['mirrors']
const eventsUntilEnd = bytesOf('application/x-ndjson', 'Events; the last one has the kind `end` or `error`')

export function mirrorRoutes(app: App, context: Context): void {
  readMirrors(app, context)
  writeMirrors(app, context)
  workOnMirrors(app, context)
}

function readMirrors(app: App, { mirrors }: Context): void {
  app.get(mirrorsPath, {
    config: { asks: 'read' },
    schema: operation('listMirrors', 'The mirrors, and how much of what they list is here', {
      tags,
      params: inWorkspace,
      response: { 200: refTo(MirrorList) },
    }),
    handler: async (request) => ({ mirrors: (await mirrors.list(workspaceOf(request))).map(mirrorDocument) }),
  })
  app.get(mirrorPath, {
    config: { asks: 'read' },
    schema: operation('getMirror', 'One mirror', { tags, params: inMirror, response: { 200: refTo(Mirror) } }),
    handler: async (request) => mirrorDocument(await mirrors.show(workspaceOf(request), request.params.mirror)),
  })
}

function writeMirrors(app: App, { mirrors, access }: Context): void {
  app.post(mirrorsPath, {
    config: { asks: 'suite:manage' },
    schema: operation('createMirror', 'Make a mirror; for administrators, since the server goes to the address', {
      tags,
      params: inWorkspace,
      body: refTo(MirrorWish),
      response: { 201: refTo(Mirror) },
    }),
    handler: async (request, reply) => {
      // Whoever says where the server goes can have it ask what only it can reach.
      access.require(callerOf(request), 'instance:manage')
      const made = await mirrors.create(workspaceOf(request), wishFrom(request.body), userIdOf(request))
      return reply.code(201).send(mirrorDocument(made))
    },
  })
  app.patch(mirrorPath, {
    config: { asks: 'suite:manage' },
    schema: operation('changeMirror', 'Change what is mirrored; the next update makes the suite so', {
      tags,
      params: inMirror,
      body: refTo(MirrorChange),
      response: { 200: refTo(Mirror) },
    }),
    handler: async (request) => {
      if (forAdministrators.some((member) => member in request.body)) {
        access.require(callerOf(request), 'instance:manage')
      }
      const change = changeFrom(request.body)
      return mirrorDocument(await mirrors.set(workspaceOf(request), request.params.mirror, change, userIdOf(request)))
    },
  })
  app.delete(mirrorPath, {
    config: { asks: 'suite:manage' },
    schema: operation('removeMirror', 'Follow upstream no more; the suite stays', {
      tags,
      params: inMirror,
      response: { 200: refTo(MirrorRemoved) },
    }),
    handler: async (request) => {
      const { mirror: name } = request.params
      return { removed: name, completeness: await mirrors.remove(workspaceOf(request), name) }
    },
  })
}

function workOnMirrors(app: App, { mirrors }: Context): void {
  app.post(`${mirrorPath}/update`, {
    config: { asks: 'suite:write' },
    schema: operation('updateMirror', 'Take over what upstream has now; it goes on if the connection ends', {
      tags,
      params: inMirror,
      body: refTo(MirrorUpdateWish),
      response: { 200: eventsUntilEnd },
    }),
    handler: async (request, reply) => {
      const { acceptCodename = false } = request.body
      const wish = { userId: userIdOf(request), acceptsOtherCodename: acceptCodename }
      await sendEvents(request, reply, mirrors.update(workspaceOf(request), request.params.mirror, wish))
      return reply
    },
  })
  app.post(`${mirrorPath}/fill`, {
    config: { asks: 'suite:write' },
    schema: operation('fillMirror', 'Fetch all that the suite lists; it goes on if the connection ends', {
      tags,
      params: inMirror,
      response: { 200: eventsUntilEnd },
    }),
    handler: async (request, reply) => {
      await sendEvents(request, reply, mirrors.fill(workspaceOf(request), request.params.mirror))
      return reply
    },
  })
}

function wishFrom({ name, into, keyring, url, suite, ...settings }: Static<typeof MirrorWish>): MirrorCreation {
  return {
    name,
    ...(into !== undefined && { into }),
    keyring: keyringBytes(keyring),
    settings: { ...usualSettings, url, upstreamSuite: suite, ...settings },
  }
}

function changeFrom({ keyring, suite, ...settings }: Static<typeof MirrorChange>): MirrorChanges {
  return {
    settings: { ...settings, ...(suite !== undefined && { upstreamSuite: suite }) },
    ...(keyring !== undefined && { keyring: keyringBytes(keyring) }),
  }
}

/** What says where the server goes, and how much it may take from there. */
const forAdministrators = ['url', 'maxIndexBytes', 'maxFileBytes', 'maxFetchBytes', 'maxPackages', 'timeoutSeconds']

/** Armored, or base64. */
function keyringBytes(keyring: string): Buffer {
  return Buffer.from(keyring, keyring.includes('-----BEGIN PGP ') ? 'utf8' : 'base64')
}

export function mirrorDocument({ mirror, keys, completeness }: MirrorInfo): MirrorDocument {
  const { settings, state } = mirror
  const { ignoreValidUntil: _, expects: _expects, ...shown } = settings
  return {
    name: mirror.name,
    suite: mirror.suite,
    ...shown,
    components: settings.components === null ? null : [...settings.components],
    architectures: settings.architectures === null ? null : [...settings.architectures],
    indexes: [...settings.indexes],
    languages: [...settings.languages],
    nextAt: mirror.nextAt === null ? null : timestamp(mirror.nextAt),
    store: mirror.storeName,
    keys: keys.map(({ fingerprint, userIds, expiresAt }) => ({
      fingerprint,
      userIds: [...userIds],
      expiresAt: expiresAt === null ? null : timestamp(expiresAt.getTime() * 1000),
    })),
    upstream:
      state === null
        ? null
        : {
            date: new Date(state.dateSeconds * 1000).toISOString(),
            suite: state.suite,
            codename: state.codename,
            signers: [...state.signers],
            revision: state.revision,
            takenAt: timestamp(state.takenAt),
            checkedAt: timestamp(state.checkedAt),
          },
    completeness,
    lastWork: mirror.work === null ? null : workDocument(mirror.work),
  }
}

function workDocument(work: MirrorWork) {
  const { kind, state, startedAt } = work
  return {
    kind,
    state,
    startedAt: timestamp(startedAt),
    finishedAt: work.state === 'running' ? null : timestamp(work.finishedAt),
    ...(work.state === 'failed' && { code: work.code, detail: work.detail }),
  }
}
