import type { Static } from 'typebox'
import { Type } from 'typebox'
import type { SuitePackage as ListedPackage } from '../archive/archives.ts'
import { submitChange } from './changes.ts'
import type { App, Context } from './context.ts'
import { copyRequest, requestBefore } from './copy-between.ts'
import { given } from './given.ts'
import { At, refTo } from './model-parts.ts'
import { PackageAddition, PackageCopy, PackageRemoval, Rollback, SealedChange } from './change-models.ts'
import { PackagePage, SuiteDifference, type SuitePackage } from './suite-models.ts'
import { operation } from './operation.ts'
import { inSuite, limitParameter, query } from './parameters.ts'
import { workspaceOf } from './permission.ts'
import { signalOf } from './request-body.ts'

const suite = '/workspaces/:scope/:workspace/suites/:suite'
const tags = ['suites']
const sealed = { 200: refTo(SealedChange) }

/** What is in a suite, now and before, and changes of it. */
export function suitePackageRoutes(app: App, context: Context): void {
  readPackages(app, context)
  changePackages(app, context)
}

function readPackages(app: App, { archives }: Context): void {
  app.get(`${suite}/packages`, {
    config: { asks: 'read' },
    schema: operation('listPackages', 'The packages of a suite, in the order of their names', {
      tags,
      params: inSuite,
      querystring: query({
        at: Type.Optional(At),
        name: Type.Optional(Type.String()),
        filter: Type.Optional(
          Type.String({
            description:
              'A package query (docs/reference/package-queries.md); pages of it may be short, and go on while there is a `next`',
          }),
        ),
        after: Type.Optional(Type.String()),
        limit: limitParameter,
      }),
      response: { 200: refTo(PackagePage) },
    }),
    handler: async (request) => {
      const { at, name, filter, after, limit } = request.query
      const suite = { suite: request.params.suite, at }
      const wish = given({ name, filter, after, limit })
      const { items, next } = await archives.packages(workspaceOf(request), suite, wish)
      return { packages: items.map(packageDocument), ...given({ next }) }
    },
  })
  app.get(`${suite}/diff`, {
    config: { asks: 'read' },
    schema: operation('getDifference', 'What another state of a suite, or another suite, has and has not', {
      tags,
      params: inSuite,
      querystring: query({
        from: Type.Optional(At),
        to: Type.Optional(At),
        with: Type.Optional(Type.String({ description: 'The suite to compare with; the same one if absent' })),
      }),
      response: { 200: refTo(SuiteDifference) },
    }),
    handler: async (request) => {
      const { from, to, with: other } = request.query
      const name = request.params.suite
      const { added, removed, changed } = await archives.diff(
        workspaceOf(request),
        { suite: name, at: from },
        { suite: other ?? name, at: to },
      )
      return { added: [...added], removed: [...removed], changed: [...changed] }
    },
  })
}

function changePackages(app: App, context: Context): void {
  const config = { asks: 'suite:write' } as const
  app.post(`${suite}/packages`, {
    config,
    schema: operation('addPackages', 'Add the packages of complete artifacts', {
      tags,
      params: inSuite,
      body: refTo(PackageAddition),
      response: sealed,
    }),
    handler: async (request, reply) => {
      const { artifacts, ...placement } = request.body
      const found = await context.artifacts.packagesOf(workspaceOf(request), artifacts)
      const packageIds = new Set(found.map(({ packageId }) => packageId))
      const place = given(placement)
      return submitChange(context, request, reply, {
        kind: 'add',
        suite: request.params.suite,
        packages: [...packageIds].map((packageId) => Object.assign({ packageId }, place)),
      })
    },
  })
  app.post(`${suite}/remove`, {
    config,
    schema: operation('removePackages', 'Remove packages; past states keep them', {
      tags,
      params: inSuite,
      body: refTo(PackageRemoval),
      response: sealed,
    }),
    handler: (request, reply) =>
      submitChange(context, request, reply, {
        kind: 'remove',
        suite: request.params.suite,
        packages: request.body.packages,
      }),
  })
  app.post(`${suite}/copy`, {
    config,
    schema: operation('copyPackages', 'Take over packages from a state of a suite', {
      tags,
      params: inSuite,
      body: refTo(PackageCopy),
      response: sealed,
    }),
    handler: async (request, reply) => {
      const recorded = await requestBefore(context, request)
      const before = recorded?.kind === 'batch' ? undefined : recorded
      const options = { as: 'deed', asStep: false, before, signal: signalOf(reply) } as const
      const change = await copyRequest(context, request, request.params.suite, request.body, options)
      return submitChange(context, request, reply, change)
    },
  })
  app.post(`${suite}/rollback`, {
    config,
    schema: operation('rollBack', 'Publish a past state again, as a new revision', {
      tags,
      params: inSuite,
      body: refTo(Rollback),
      response: sealed,
    }),
    handler: (request, reply) =>
      submitChange(context, request, reply, {
        kind: 'rollback',
        suite: request.params.suite,
        to: request.body.to,
      }),
  })
}

function packageDocument({ sizeBytes, packageId: _, ...listed }: ListedPackage): Static<typeof SuitePackage> {
  return { ...listed, size: sizeBytes }
}
