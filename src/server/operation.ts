import type { FastifySchema } from 'fastify'
import { Type } from 'typebox'
import { Problem } from './models.ts'
import { refTo } from './model-parts.ts'

type Responses = Readonly<Record<number, unknown>>

/**
 * The schema of a route with what OpenAPI says of it. Every operation may be answered with a problem document.
 *
 * @param operationId the name that generated clients give the call
 */
export function operation<const T extends FastifySchema & { tags: string[]; response?: Responses }>(
  operationId: string,
  summary: string,
  schema: T,
): T & { operationId: string; summary: string } {
  const response = { ...schema.response, default: problemResponse }
  return { ...schema, operationId, summary, response }
}

const problemResponse = {
  description: 'A problem',
  content: { 'application/problem+json': { schema: refTo(Problem) } },
}

/** An answer of bytes of this media type. */
export function bytesOf(mediaType: string, description: string): object {
  return { description, content: { [mediaType]: { schema: Type.String({ format: 'binary' }) } } }
}

/** An answer without a body. */
export function empty(description: string): object {
  return { description, type: 'null' }
}
