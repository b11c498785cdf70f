/** Copies from other workspaces, for who may read there and write here. */
import { isDeepStrictEqual } from 'node:util'
import type { FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import type { ChangeRequest, CopiedFrom, StepRequest } from '../archive/change-request.ts'
import type { Context } from './context.ts'
import { given } from './given.ts'
import type { PackageCopy } from './change-models.ts'
import { idempotencyKeyOf } from './parameters.ts'
import { authorIdOf, callerOf, workspaceOf } from './permission.ts'

type Wish = Static<typeof PackageCopy>

interface CopyOptions {
  /** With `preview` nothing is copied. */
  readonly as: 'deed' | 'preview'
  /** Whether it is a step of several, of which those before may make the suite. */
  readonly asStep: boolean
  /** What was recorded under the same idempotency key: asked again, it means what it meant then. */
  readonly before?: StepRequest | undefined
  readonly signal: AbortSignal
}

type CopyDeed = Extract<StepRequest, { kind: 'add' | 'copy' }>

/** What was recorded under the idempotency key of a request. */
export async function requestBefore(
  { archives }: Context,
  request: FastifyRequest,
): Promise<ChangeRequest | undefined> {
  const key = idempotencyKeyOf(request)
  return key === undefined ? undefined : await archives.requestOfKey(workspaceOf(request), key)
}

/**
 * The change that a copy asks for: within the archive a copy, from another workspace an addition of packages that are
 * artifacts here then.
 *
 * @throws AshlarError not-found for a workspace that the caller may not read, whether it exists or not
 */
export async function copyRequest(
  context: Context,
  request: FastifyRequest,
  suite: string,
  { from, at, fromWorkspace, ...choice }: Wish,
  options: CopyOptions,
): Promise<CopyDeed> {
  const here = workspaceOf(request)
  const source = { suite: from, ...given({ at }) }
  if (fromWorkspace === undefined || fromWorkspace === `${here.scope}/${here.name}`) {
    return { kind: 'copy', suite, from: source, ...given(choice) }
  }
  const [scope = '', name = ''] = fromWorkspace.split('/')
  const there = await context.access.workspace(callerOf(request), scope, name, 'read')
  const asked = { workspace: fromWorkspace, ...source, choice: given(choice) }
  const { before } = options
  if (before?.kind === 'add' && before.suite === suite && isSameWish(before.from, asked)) return before
  const into = { workspace: here, suite, asStep: options.asStep }
  const chosen = await context.archives.chooseFrom(there, source, given(choice), into)
  if (options.as === 'preview') return { kind: 'add', suite, ...chosen }
  const ids = chosen.packages.map(({ packageId }) => packageId)
  const { signal } = options
  await context.archives.bringPackages(there, ids, signal)
  const { packageIds } = await context.artifacts.copyPackages(here, there, ids, { userId: authorIdOf(request), signal })
  const packages = chosen.packages.map((one) => ({ ...one, packageId: packageIds.get(one.packageId) ?? one.packageId }))
  return { kind: 'add', suite, packages, from: chosen.from }
}

function isSameWish(from: CopiedFrom | undefined, asked: object): boolean {
  if (from === undefined) return false
  const { revision: _revision, unmet: _unmet, ...before } = from
  return isDeepStrictEqual(before, asked)
}
