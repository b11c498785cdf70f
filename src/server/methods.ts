import { AshlarError } from '../common/errors.ts'
import type { App } from './context.ts'
import { sendProblem } from './problem.ts'

/** Tells an address that exists, but takes another method (405 with Allow, RFC 9110 section 15.5.6), from none (404). */
export function refuseMethods(app: App): void {
  const routes: { readonly pattern: RegExp; readonly methods: readonly string[] }[] = []
  app.addHook('onRoute', ({ url, method }) => {
    routes.push({ pattern: patternOf(url), methods: [method].flat() })
  })
  // Before a body is read that nobody wants.
  app.addHook('onRequest', (request, reply, done) => {
    if (!request.is404) {
      done()
      return
    }
    const path = request.url.split('?', 1)[0] ?? ''
    const methods = new Set(routes.filter(({ pattern }) => pattern.test(path)).flatMap((route) => route.methods))
    if (methods.size === 0 || methods.has(request.method)) {
      sendProblem(new AshlarError('not-found', `There is nothing at ${path}.`), request, reply)
      return
    }
    const allowed = [...methods].toSorted().join(', ')
    void reply.header('allow', allowed)
    sendProblem(new AshlarError('method-not-allowed', `${path} takes ${allowed}.`), request, reply)
  })
}

/** The addresses of a route: `:name` is one segment, a `*` at the end the rest. */
function patternOf(url: string): RegExp {
  const source = url
    .replaceAll(/:(\w+)(\([^)]*\))?/g, '\0')
    .replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll('\0', '[^/]+')
    .replace(/\*$/, '.*')
  return new RegExp(`^${source}$`)
}
