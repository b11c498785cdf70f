/** Keyrings: the public keys that a workspace trusts where uploads are signed. */
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { timestamp } from '../common/timestamp.ts'
import type { KeyringInfo } from '../incoming/incoming.ts'
import type { App, Context } from './context.ts'
import { refTo } from './model-parts.ts'
import { empty, operation } from './operation.ts'
import { inWorkspace, workspaceParameters } from './parameters.ts'
import { userIdOf, workspaceOf } from './permission.ts'
import { Keyring, KeyringList, KeysWish } from './upload-models.ts'

const keyrings = '/workspaces/:scope/:workspace/keyrings'
const keyring = `${keyrings}/:name`
const tags = ['uploads']
const named = Type.Object({ ...workspaceParameters, name: Type.String() })

export function keyringRoutes(app: App, { incoming }: Context): void {
  app.get(keyrings, {
    config: { asks: 'read' },
    schema: operation('listKeyrings', 'The keyrings and their keys', {
      tags,
      params: inWorkspace,
      response: { 200: refTo(KeyringList) },
    }),
    handler: async (request) => ({
      keyrings: (await incoming.keyrings.list(workspaceOf(request))).map(keyringDocument),
    }),
  })
  app.get(keyring, {
    config: { asks: 'read' },
    schema: operation('getKeyring', 'A keyring and its keys', {
      tags,
      params: named,
      response: { 200: refTo(Keyring) },
    }),
    handler: async (request) => keyringDocument(await incoming.keyrings.get(workspaceOf(request), request.params.name)),
  })
  app.post(keyring, {
    config: { asks: 'suite:manage' },
    schema: operation('addKeys', 'Trust public keys; the keyring is made if there is none', {
      tags,
      params: named,
      body: refTo(KeysWish),
      response: { 200: refTo(Keyring) },
    }),
    handler: async (request) => {
      const { name } = request.params
      const workspace = workspaceOf(request)
      return keyringDocument(await incoming.keyrings.add(workspace, name, request.body.keys, userIdOf(request)))
    },
  })
  app.delete(keyring, {
    config: { asks: 'suite:manage' },
    schema: operation('removeKeyring', 'Remove a keyring; suites that name it trust nobody by it', {
      tags,
      params: named,
      response: { 204: empty('It is gone') },
    }),
    handler: async (request, reply) => {
      await incoming.keyrings.remove(workspaceOf(request), request.params.name)
      return reply.code(204).send()
    },
  })
  app.delete(`${keyring}/keys/:fingerprint`, {
    config: { asks: 'suite:manage' },
    schema: operation('removeKey', 'Trust a key no longer', {
      tags,
      params: Type.Object({ ...named.properties, fingerprint: Type.String() }),
      response: { 204: empty('It is gone') },
    }),
    handler: async (request, reply) => {
      const { name, fingerprint } = request.params
      await incoming.keyrings.removeKey(workspaceOf(request), name, fingerprint)
      return reply.code(204).send()
    },
  })
}

function keyringDocument({ name, keys }: KeyringInfo): Static<typeof Keyring> {
  return {
    name,
    keys: keys.map((key) => ({
      ...key,
      userIds: [...key.userIds],
      expiresAt: key.expiresAt === null ? null : timestamp(key.expiresAt),
      addedAt: timestamp(key.addedAt),
    })),
  }
}
