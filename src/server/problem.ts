/** Errors as RFC 9457 problem documents made from the catalogue, and for browsers as a page with the same sentences. */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { AshlarError } from '../common/errors.ts'
import { contentSecurityPolicy } from '../web/assets.ts'
import { errorPage } from '../web/error-page.ts'
import { challenges } from './authentication.ts'
import { answerEarly, isBodyComing } from './request-body.ts'

export interface ProblemDocument {
  /** Stable: programs may compare it. */
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly instance: string
  /** The last part of `type`. */
  readonly code: string
  readonly advice: string
  readonly requestId: string
  readonly [extra: string]: unknown
}

/** Answers with the problem that an error stands for. */
export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const problem = asAshlarError(error, request)
  const { status } = problem.entry
  if (status >= 500) logFailure(error, problem, request)
  if (reply.raw.headersSent || reply.raw.destroyed) {
    reply.hijack()
    reply.raw.destroy()
    return
  }
  const document = problemDocument(problem, request)
  void reply.code(status).header('cache-control', 'no-store').header('x-content-type-options', 'nosniff')
  if (status === 401) void reply.header('www-authenticate', [...challenges])
  if (status === 503) void reply.header('retry-after', '2')
  const page = wantsPage(request)
  void reply.header('content-type', page ? 'text/html; charset=utf-8' : 'application/problem+json')
  if (page) void reply.header('content-security-policy', contentSecurityPolicy)
  // As bytes, or Fastify would add a charset, which problem documents do not have.
  const bytes = Buffer.from(page ? errorPage(document) : JSON.stringify(document))
  if (isBodyComing(request)) answerEarly(request, reply, bytes)
  else void reply.send(bytes)
}

/** The document, with the error's own extra members where they do not hide a standard one. */
export function problemDocument(
  error: AshlarError,
  request: { readonly id: string; readonly url: string },
): ProblemDocument {
  return {
    ...error.extra,
    type: `urn:ashlar:error:${error.code}`,
    title: error.entry.title,
    status: error.entry.status,
    detail: error.message,
    instance: request.url.split('?', 1)[0] ?? '',
    code: error.code,
    advice: error.entry.advice,
    requestId: request.id,
  }
}

/** What an error means to the caller: itself, or what Fastify refused, or a mistake of ours. */
export function asAshlarError(error: unknown, request: FastifyRequest): AshlarError {
  if (error instanceof AshlarError) return error
  const fastifyError = error as Partial<FastifyError> | undefined
  const validation = validationProblem(fastifyError)
  if (validation !== undefined) return validation
  const status = fastifyError?.statusCode
  if (fastifyError?.code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new AshlarError('too-large', 'The JSON body is larger than 8 MiB.', { cause: error })
  }
  if (fastifyError?.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    const detail = `A body of the type "${request.headers['content-type']}" is not taken here; send application/json.`
    return new AshlarError('request-invalid', detail, {
      cause: error,
      extra: { in: 'headers', field: '/content-type' },
    })
  }
  if (status !== undefined && status >= 400 && status < 500) {
    return new AshlarError('request-invalid', sentence(fastifyError?.message ?? 'It was not understood'), {
      cause: error,
    })
  }
  return new AshlarError('internal', 'Something unforeseen happened while the request was answered.', { cause: error })
}

/** The first rule that the input breaks, with the field as a JSON pointer into the named part of the request. */
function validationProblem(error: Partial<FastifyError> | undefined): AshlarError | undefined {
  const [failure] = error?.validation ?? []
  if (failure === undefined) return undefined
  const part = error?.validationContext === 'querystring' ? 'query' : (error?.validationContext ?? 'request')
  const member = failure.params['additionalProperty'] ?? failure.params['missingProperty']
  const field = typeof member === 'string' ? `${failure.instancePath}/${member}` : failure.instancePath
  const where = field === '' ? `The ${part}` : `The field ${field} of the ${part}`
  const what =
    failure.keyword === 'additionalProperties'
      ? 'is not known'
      : failure.keyword === 'required'
        ? 'is missing'
        : `${failure.message ?? 'is not valid'}${allowed(failure.params)}`
  return new AshlarError('request-invalid', sentence(`${where} ${what}`), { extra: { in: part, field } })
}

function allowed(parameters: Readonly<Record<string, unknown>>): string {
  const values = parameters['allowedValues']
  return Array.isArray(values) ? `: ${values.join(', ')}` : ''
}

function sentence(text: string): string {
  return text.endsWith('.') ? text : `${text}.`
}

/** apt says `Accept: text/*` and tools say `*` or nothing; only browsers name HTML. The API is for programs. */
function wantsPage(request: FastifyRequest): boolean {
  return !request.url.startsWith('/api/') && request.headers.accept?.includes('text/html') === true
}

/** For those who run the server: what a caller is only told to report. */
export function logFailure(error: unknown, problem: AshlarError, request: FastifyRequest): void {
  const details = { err: error, code: problem.code, requestId: request.id, method: request.method, url: request.url }
  request.log.error(details, problem.message)
}
