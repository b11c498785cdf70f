import type { FastifyReply } from 'fastify'
import { contentSecurityPolicy } from '../web/assets.ts'

/** Answers with a page, which browsers ask for again each time, and which may do nothing but load its own files. */
export function sendPage(reply: FastifyReply, page: string, { isPrivate }: { isPrivate: boolean }): FastifyReply {
  return reply
    .header('content-type', 'text/html; charset=utf-8')
    .header('cache-control', `${isPrivate ? 'private' : 'public'}, no-cache`)
    .header('vary', 'Authorization')
    .header('content-security-policy', contentSecurityPolicy)
    .header('x-content-type-options', 'nosniff')
    .header('referrer-policy', 'same-origin')
    .send(page)
}
