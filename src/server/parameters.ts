/** What stands in addresses and headers: parameters, pages, keys. */
import type { FastifyRequest } from 'fastify'
import { type TProperties, Type } from 'typebox'
import { AshlarError } from '../common/errors.ts'
import type { App } from './context.ts'
import { At, Id } from './model-parts.ts'

export const workspaceParameters = {
  scope: Type.String({ description: 'The tenant' }),
  workspace: Type.String({ description: 'The workspace within the scope' }),
}
export const inWorkspace = Type.Object(workspaceParameters)
export const inSuite = Type.Object({
  ...workspaceParameters,
  suite: Type.String({ description: 'Name or alias; a slash in it is sent as %2F' }),
})
export const withId = Type.Object({ ...workspaceParameters, id: Id })
export const atQuery = query({ at: Type.Optional(At) })

export const limitParameter = Type.Integer({ minimum: 1, maximum: 1000, default: 100 })

/** A query with these parameters and no others: one that is misspelt is refused, not ignored. */
export function query<T extends TProperties>(parameters: T) {
  return Type.Object(parameters, { additionalProperties: false })
}

/**
 * Addresses hold text; where a schema wants an integer, decimal digits become one. Bodies are left as they are: a
 * number in quotes is refused there.
 */
export function readIntegers(app: App): void {
  app.addHook('preValidation', (request, _reply, done) => {
    const { params, querystring } = request.routeOptions.schema ?? {}
    convert(request.params, params)
    convert(request.query, querystring)
    done()
  })
}

/**
 * The request's Idempotency-Key, if it has one.
 * @throws AshlarError `request-invalid` for a key that is not 1 to 255 visible ASCII characters
 */
export function idempotencyKeyOf(request: FastifyRequest): string | undefined {
  const key = request.headers['idempotency-key']
  if (key === undefined) return undefined
  if (typeof key === 'string' && /^[\x21-\x7e]{1,255}$/.test(key)) return key
  throw new AshlarError('request-invalid', 'The header Idempotency-Key is not 1 to 255 visible ASCII characters.', {
    extra: { in: 'headers', field: '/idempotency-key' },
  })
}

function convert(values: unknown, schema: unknown): void {
  if (typeof values !== 'object' || values === null) return
  const properties = (schema as { properties?: Record<string, { type?: unknown }> } | undefined)?.properties
  if (properties === undefined) return
  for (const [name, value] of Object.entries(values)) {
    if (properties[name]?.type !== 'integer') continue
    if (typeof value === 'string' && /^\d{1,16}$/.test(value)) Reflect.set(values, name, Number(value))
  }
}
