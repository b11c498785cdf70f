/** How an upload is answered: a sentence in the status line, the verdict item by item in the body. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import type { Workspace } from '../access/access.ts'
import type { ReceivedUpload } from '../incoming/incoming.ts'
import { timestamp } from '../common/timestamp.ts'
import { challenges } from './authentication.ts'
import { asAshlarError, logFailure, problemDocument } from './problem.ts'
import { answerEarly, isBodyComing } from './request-body.ts'
import type { Upload } from './upload-models.ts'

/** Of a body that is not wanted so much is read before the answer. */
const drainedBytes = 2 ** 30
/** Some programs read no longer status line. */
const longestReason = 400

interface Verdict {
  readonly upload: ReceivedUpload
  readonly workspace: Workspace
  readonly publicUrl: string
}

export function answerWaiting(reply: FastifyReply, name: string): FastifyReply {
  reply.raw.statusMessage = 'Waits for its .changes'
  return reply
    .code(201)
    .header('cache-control', 'no-store')
    .type('text/plain')
    .send(`${name} waits for its .changes.\n`)
}

export function answerUpload(request: FastifyRequest, reply: FastifyReply, verdict: Verdict): FastifyReply {
  const { upload } = verdict
  const details = uploadUrl(verdict)
  reply.raw.statusMessage = reasonOf(`${summaryOf(upload)} ${details}`)
  void reply
    .code(upload.state === 'accepted' ? 200 : 422)
    .header('cache-control', 'no-store')
    .header('location', details)
  if (wantsJson(request)) return reply.type('application/json').send(JSON.stringify(uploadDocument(verdict)))
  return reply.type('text/plain; charset=utf-8').send(verdictText(upload, details))
}

/** What happened, in one sentence. */
export function summaryOf({ state, name, suite, findings, revision }: ReceivedUpload): string {
  if (state === 'accepted') return `Accepted ${name} into ${suite}, r${revision}.`
  if (state === 'accepting') return `${name} is being published in ${suite}.`
  const [first, ...more] = findings.filter((finding) => !finding.good)
  const others = more.length === 0 ? '' : ` (and ${more.length} more)`
  const what = first === undefined || first.subject === name ? '' : `${first.subject}: `
  return `Refused ${name}: ${what}${first?.text}${others}`
}

function verdictText(upload: ReceivedUpload, details: string): string {
  const width = Math.max(...upload.findings.map(({ subject }) => subject.length), 0)
  const lines = upload.findings.map(({ subject, good, text }) => {
    return `${good ? ' ok ' : 'BAD '} ${subject.padEnd(width)}  ${text}`
  })
  return `${summaryOf(upload)}\n\n${lines.join('\n')}\n\n${details}\n`
}

/** The page with the verdict. */
export function uploadUrl({ upload, workspace: { scope, name }, publicUrl }: Verdict): string {
  return `${publicUrl.replace(/\/+$/, '')}/upload/${encodeURIComponent(scope)}/${encodeURIComponent(name)}/${upload.id}`
}

export function uploadDocument(verdict: Verdict): Static<typeof Upload> {
  const { upload } = verdict
  return {
    ...upload,
    findings: [...upload.findings],
    receivedAt: timestamp(upload.receivedAt),
    decidedAt: upload.decidedAt === null ? null : timestamp(upload.decidedAt),
    page: uploadUrl(verdict),
  }
}

/** Answers an error within this room. */
export async function refuseUpload(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const problem = asAshlarError(error, request)
  // dput-ng takes a 403 for a warning and says that all went well; a 401 may refuse a token too (RFC 9110 section 15.5.2).
  const status = problem.entry.status === 403 ? 401 : problem.entry.status
  if (status >= 500) logFailure(error, problem, request)
  const { raw } = reply
  if (raw.headersSent || raw.destroyed) {
    reply.hijack()
    raw.destroy()
    return reply
  }
  const json = wantsJson(request)
  const document = { ...problemDocument(problem, request), status }
  const bytes = Buffer.from(json ? JSON.stringify(document) : `${document.detail}\n${document.advice}\n`)
  const isDrained = await drain(request)
  raw.statusMessage = reasonOf(document.detail)
  void reply.code(status).header('cache-control', 'no-store').header('x-content-type-options', 'nosniff')
  if (status === 401) void reply.header('www-authenticate', [...challenges])
  if (status === 503) void reply.header('retry-after', '2')
  void reply.header('content-type', json ? 'application/problem+json' : 'text/plain; charset=utf-8')
  if (isDrained) return reply.send(bytes)
  answerEarly(request, reply, bytes)
  return reply
}

/** Reads what still comes, within bounds. @returns false if there is more */
async function drain(request: FastifyRequest): Promise<boolean> {
  if (!isBodyComing(request)) return true
  if (Number(request.headers['content-length'] ?? 0) > drainedBytes) return false
  let seen = 0
  try {
    for await (const chunk of request.raw.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>) {
      seen += chunk.length
      if (seen > drainedBytes) return false
    }
  } catch {
    // The client has gone; whoever writes the answer finds that out.
  }
  return true
}

function wantsJson({ headers: { accept } }: FastifyRequest): boolean {
  return accept?.includes('application/json') === true
}

/** What may stand in a status line: visible ASCII and blanks. */
function reasonOf(text: string): string {
  const line = text.replaceAll(/[^\x20-\x7e]/g, '?')
  return line.length <= longestReason ? line : `${line.slice(0, longestReason - 3)}...`
}
