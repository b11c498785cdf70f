import ajv from '@fastify/ajv-compiler'
import stringifier from '@fastify/fast-json-stringify-compiler'
import type { App } from './context.ts'

const ajvOptions = { coerceTypes: false, removeAdditional: false, discriminator: true } as const

/**
 * Lets the schemas of a route be compiled when the route is first used, not all of them before the server answers
 * anything: that was half of what a start costs. The compilers are Fastify's own.
 */
export function compileOnFirstUse(app: App): void {
  // Ajv has its own idea of the same types.
  type Models = Parameters<ReturnType<typeof ajv>>[0]
  const validators = once(() => ajv()(app.getSchemas() as Models, { customOptions: ajvOptions }))
  const serializers = once(() => stringifier()(app.getSchemas()))
  app.setValidatorCompiler((route) => {
    const compiled = once(() => validators()(route))
    return (data) => {
      const validate = compiled()
      return validate(data) === true ? true : { error: validate.errors ?? [] }
    }
  })
  app.setSerializerCompiler((route) => {
    const compiled = once(() => serializers()({ ...route, httpStatus: route.httpStatus ?? '' }))
    return (data) => compiled()(data)
  })
}

function once<T>(make: () => T): () => T {
  let made: { readonly it: T } | undefined
  return () => (made ??= { it: make() }).it
}
