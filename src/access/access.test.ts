import assert from 'node:assert/strict'
import { it } from 'node:test'
import { forEachDialect, type OpenFresh } from '../../test/support/databases.ts'
import { AshlarError } from '../common/errors.ts'
import type { Database } from '../database/database.ts'
import { openAccess, type Access, type Caller, type Workspace } from './access.ts'

const callerNames = [
  'anonymous',
  'stranger',
  'reader',
  'contributor',
  'owner',
  'scope-owner',
  'elsewhere',
  'admin',
] as const
const places = ['open', 'closed', 'missing'] as const
const actions = [
  'read',
  'artifact:create',
  'artifact:delete',
  'suite:write',
  'suite:manage',
  'instance:manage',
] as const

/** What each caller is answered, in the order of `actions`: + for yes, or the status. */
const answers: Record<(typeof callerNames)[number], Record<(typeof places)[number], string>> = {
  anonymous: { open: '+ 401 401 401 401 401', closed: '401 401 401 401 401 401', missing: '401 401 401 401 401 401' },
  stranger: { open: '+ 403 403 403 403 403', closed: '404 404 404 404 404 404', missing: '404 404 404 404 404 404' },
  reader: { open: '+ 403 403 403 403 403', closed: '+ 403 403 403 403 403', missing: '404 404 404 404 404 404' },
  contributor: { open: '+ + 403 + 403 403', closed: '+ + 403 + 403 403', missing: '404 404 404 404 404 404' },
  owner: { open: '+ + + + + 403', closed: '+ + + + + 403', missing: '404 404 404 404 404 404' },
  'scope-owner': { open: '+ + + + + 403', closed: '+ + + + + 403', missing: '404 404 404 404 404 404' },
  elsewhere: { open: '+ 403 403 403 403 403', closed: '404 404 404 404 404 404', missing: '404 404 404 404 404 404' },
  admin: { open: '+ + + + + +', closed: '+ + + + + +', missing: '404 404 404 404 404 404' },
}

forEachDialect((_dialect, openFresh) => {
  it('each caller gets the answer of the table, and no other', async () => {
    await using given = await setUp(openFresh)
    const { access } = given
    const found: typeof answers = structuredClone(answers)
    for (const name of callerNames) {
      const caller = await given.as(name)
      for (const place of places) {
        const row = []
        for (const action of actions) row.push(await answerOf(access.workspace(caller, 'team', place, action)))
        found[name][place] = row.join(' ')
      }
    }
    assert.deepEqual(found, answers)
  })

  it('who may not do something is told the role that it takes', async () => {
    await using given = await setUp(openFresh)
    const reader = await given.as('reader')
    for (const [action, role] of [
      ['suite:write', 'contributor'],
      ['workspace:manage', 'owner'],
    ] as const) {
      const message = new RegExp(`may read team/open, but ${action} takes the role ${role}\\.$`)
      await assert.rejects(given.access.workspace(reader, 'team', 'open', action), { code: 'forbidden', message })
    }
  })

  it('a private workspace and none at all are answered in the same words', async () => {
    await using given = await setUp(openFresh)
    const { access } = given
    for (const name of ['anonymous', 'stranger', 'elsewhere'] as const) {
      const caller = await given.as(name)
      for (const action of actions) {
        const before = await errorOf(
          access.workspace(caller, 'team', `new-${name}-${action.replace(':', '-')}`, action),
        )
        await access.createWorkspace(await given.as('admin'), 'team', {
          name: `new-${name}-${action.replace(':', '-')}`,
          public: false,
        })
        const after = await errorOf(access.workspace(caller, 'team', `new-${name}-${action.replace(':', '-')}`, action))
        assert.deepEqual(after, before)
      }
    }
  })

  it('names that cannot exist do not exist', async () => {
    await using given = await setUp(openFresh)
    for (const name of ['', '..', 'a/b', 'OPEN', 'x\0y', 'é', 'x'.repeat(1000)]) {
      await assert.rejects(given.access.workspace({ kind: 'anonymous' }, 'team', name, 'read'), {
        code: 'token-required',
      })
      await assert.rejects(given.access.workspace(await given.as('admin'), name, 'open', 'read'), { code: 'not-found' })
    }
  })

  it('the answer of a public workspace names it', async () => {
    await using given = await setUp(openFresh)
    const workspace: Workspace = await given.access.workspace({ kind: 'anonymous' }, 'team', 'open', 'read')
    const expected = { id: 0, scopeId: 0, scope: 'team', name: 'open', public: true }
    assert.deepEqual({ ...workspace, id: 0, scopeId: 0 }, expected)
  })

  it('without a token one is anonymous, with a wrong one nobody', async () => {
    await using given = await setUp(openFresh)
    assert.deepEqual(await given.access.callerOf(undefined), { kind: 'anonymous' })
    for (const secret of ['', 'ash_', `ash_${'A'.repeat(43)}`, 'x\0', 'é'.repeat(10_000)]) {
      await assert.rejects(given.access.callerOf(secret), { code: 'token-required' })
    }
  })

  it('unknown, expired and revoked tokens get the same answer', async () => {
    await using given = await setUp(openFresh)
    const { access, db } = given
    const admin = await given.as('admin')
    const past = await access.createToken(admin, { name: 'past', expiresAt: (await db.now()) - 1 })
    const revoked = await access.createToken(admin, { name: 'revoked' })
    await access.revokeToken(admin, revoked.id)
    const unknown = await errorOf(access.callerOf(`ash_${'A'.repeat(43)}`))
    assert.deepEqual(await errorOf(access.callerOf(past.token)), unknown)
    assert.deepEqual(await errorOf(access.callerOf(revoked.token)), unknown)
  })

  it('a token that is in use ends the moment it expires', async (context) => {
    await using given = await setUp(openFresh)
    const { access } = given
    const expiresAt = (Date.now() + 3_600_000) * 1000
    const { token } = await access.createToken(await given.as('admin'), { name: 'brief', expiresAt })
    await access.callerOf(token)
    context.mock.timers.enable({ apis: ['Date'], now: expiresAt / 1000 - 1 })
    await access.callerOf(token)
    context.mock.timers.setTime(expiresAt / 1000)
    await assert.rejects(access.callerOf(token), { code: 'token-required' })
  })

  it('a revoked token ends at once where it was revoked, and within a second elsewhere', async () => {
    await using given = await setUp(openFresh)
    const { access, db } = given
    const elsewhere = openAccess(db)
    const admin = await given.as('admin')
    const { token, id } = await access.createToken(admin, { name: 'ci' })
    await access.callerOf(token)
    await elsewhere.callerOf(token)
    await access.revokeToken(admin, id)
    const revokedAt = performance.now()
    await assert.rejects(access.callerOf(token), { code: 'token-required' })
    while (performance.now() - revokedAt <= 1000) await new Promise((resolve) => setTimeout(resolve, 50))
    await assert.rejects(elsewhere.callerOf(token), { code: 'token-required' })
  })

  it('a revoked token, or one of who is no admin any more, makes no other, not even where that is not known yet', async () => {
    await using given = await setUp(openFresh)
    const { access, db } = given
    const elsewhere = openAccess(db)
    const admin = await given.as('admin')
    const { token, id } = await access.createToken(admin, { name: 'ci', user: 'reader' })
    const reader = await elsewhere.callerOf(token)
    await access.revokeToken(admin, id)
    await assert.rejects(elsewhere.createToken(reader, { name: 'after' }), { code: 'token-required' })

    await access.grant(admin, { user: 'owner', role: 'admin' })
    const second = await access.createToken(admin, { name: 'second', user: 'owner' })
    const other = await elsewhere.callerOf(second.token)
    await access.revokeGrant(admin, { user: 'owner' })
    await assert.rejects(elsewhere.createToken(other, { name: 'after', user: 'admin' }), { code: 'forbidden' })
  })

  it('secrets are not kept, only their digests', async () => {
    await using given = await setUp(openFresh)
    const { token } = await given.access.createToken(await given.as('admin'), { name: 'ci' })
    assert.match(token, /^ash_[A-Za-z0-9_-]{43}$/)
    const rows = JSON.stringify(await given.db.read.selectFrom('token').selectAll().execute())
    assert.ok(!rows.includes(token) && !rows.includes(token.slice(4)))
  })

  it('users see and revoke their own tokens, admins all', async () => {
    await using given = await setUp(openFresh)
    const { access } = given
    const reader = await given.as('reader')
    const mine = await access.createToken(reader, { name: 'mine' })
    const foreign = await access.createToken(await given.as('owner'), { name: 'foreign' })
    const seen = await access.listTokens(reader)
    assert.ok(seen.some((token) => token.id === mine.id) && seen.every((token) => token.user === 'reader'))
    await assert.rejects(access.revokeToken(reader, foreign.id), { code: 'not-found' })
    await assert.rejects(access.revokeToken(reader, 123_456), { code: 'not-found' })
    await access.revokeToken(await given.as('admin'), mine.id)
    await access.revokeToken(await given.as('admin'), mine.id)
    const all = await access.listTokens(await given.as('admin'))
    assert.ok(all.some((token) => token.id === foreign.id && token.revokedAt === null))
    assert.ok(all.some((token) => token.id === mine.id && token.revokedAt !== null))
    await assert.rejects(access.listTokens({ kind: 'anonymous' }), { code: 'token-required' })
  })

  it('only admins make tokens for others', async () => {
    await using given = await setUp(openFresh)
    const { access } = given
    await assert.rejects(access.createToken(await given.as('owner'), { name: 'x', user: 'admin' }), {
      code: 'forbidden',
    })
    const made = await access.createToken(await given.as('admin'), { name: 'x', user: 'reader' })
    const caller = await access.callerOf(made.token)
    assert.ok(caller.kind === 'user' && caller.name === 'reader')
    await assert.rejects(access.createToken(await given.as('admin'), { name: 'x', user: 'nobody' }), {
      code: 'not-found',
    })
    await assert.rejects(access.createToken({ kind: 'anonymous' }, { name: 'x' }), { code: 'token-required' })
  })

  it('only admins of the instance manage it', async () => {
    await using given = await setUp(openFresh)
    const { access } = given
    for (const name of callerNames) {
      const caller = await given.as(name)
      const expected = name === 'anonymous' ? 'token-required' : 'forbidden'
      for (const deed of [
        () => access.createScope(caller, `scope-${name}`),
        () => access.createUser(caller, `user-${name}`),
        () => access.grant(caller, { user: 'stranger', role: 'reader' }),
        () => access.revokeGrant(caller, { user: 'stranger' }),
        () => access.grants(caller, {}),
      ]) {
        if (name === 'admin') await deed()
        else await assert.rejects(deed, { code: expected })
      }
    }
  })

  it('owners of a scope make workspaces in it, others do not learn that it exists', async () => {
    await using given = await setUp(openFresh)
    const { access } = given
    const wish = { name: 'fresh', public: false }
    await assert.rejects(access.createWorkspace({ kind: 'anonymous' }, 'team', wish), { code: 'token-required' })
    const refused = await errorOf(access.createWorkspace(await given.as('owner'), 'team', wish))
    assert.equal(refused.code, 'not-found')
    await access.createWorkspace(await given.as('scope-owner'), 'team', wish)
    await assert.rejects(access.createWorkspace(await given.as('scope-owner'), 'team', wish), { code: 'conflict' })
    await assert.rejects(access.createWorkspace(await given.as('admin'), 'nowhere', wish), { code: 'not-found' })
  })

  it('listings show what one may read and nothing else', async () => {
    await using given = await setUp(openFresh)
    const { access } = given
    await access.createWorkspace(await given.as('admin'), 'other', { name: 'secret', public: false })
    const names = async (caller: Caller, scope: string): Promise<string[]> =>
      (await access.listWorkspaces(caller, scope)).map((workspace) => workspace.name)
    assert.deepEqual(await names({ kind: 'anonymous' }, 'team'), ['open'])
    assert.deepEqual(await names(await given.as('reader'), 'team'), ['closed', 'open'])
    assert.deepEqual(await names(await given.as('reader'), 'other'), [])
    assert.deepEqual(await names(await given.as('reader'), 'nowhere'), [])
    const scopes = async (caller: Caller): Promise<string[]> =>
      (await access.listScopes(caller)).map((scope) => scope.name)
    assert.deepEqual(await scopes({ kind: 'anonymous' }), ['local', 'team'])
    assert.deepEqual(await scopes(await given.as('elsewhere')), ['local', 'other', 'team'])
    assert.deepEqual(await scopes(await given.as('admin')), ['local', 'other', 'team'])
  })

  it('a grant that is taken back no longer counts', async () => {
    await using given = await setUp(openFresh)
    const { access } = given
    await access.revokeGrant(await given.as('admin'), { user: 'reader', scope: 'team', workspace: 'closed' })
    await assert.rejects(access.workspace(await given.as('reader'), 'team', 'closed', 'read'), { code: 'not-found' })
  })

  for (const name of ['', 'Upper', 'a/b', '.hidden', '-x', 'a b', 'x'.repeat(64), 'x\0']) {
    it(`${JSON.stringify(name.slice(0, 20))} cannot be the name of a scope, a workspace or a user`, async () => {
      await using given = await setUp(openFresh)
      const admin = await given.as('admin')
      await assert.rejects(given.access.createScope(admin, name), { code: 'request-invalid' })
      await assert.rejects(given.access.createUser(admin, name), { code: 'request-invalid' })
      await assert.rejects(given.access.createWorkspace(admin, 'team', { name, public: true }), {
        code: 'request-invalid',
      })
    })
  }

  it('names that are taken are refused', async () => {
    await using given = await setUp(openFresh)
    const admin = await given.as('admin')
    await assert.rejects(given.access.createScope(admin, 'team'), { code: 'conflict' })
    await assert.rejects(given.access.createUser(admin, 'reader'), { code: 'conflict' })
  })

  it('the first start makes local/main and one admin token, however many processes start', async () => {
    const fresh = await openFresh()
    const starts = await Promise.all(Array.from({ length: 5 }, () => openAccess(fresh.db).ensureFirstStart()))
    const tokens = starts.flatMap((start) => start.adminToken ?? [])
    assert.equal(tokens.length, 1)
    const access = openAccess(fresh.db)
    assert.deepEqual(await access.ensureFirstStart(), {})
    const admin = await access.callerOf(tokens[0])
    access.require(admin, 'instance:manage')
    assert.equal((await access.workspace({ kind: 'anonymous' }, 'local', 'main', 'read')).public, true)
    await fresh.drop()
  })
})

async function setUp(openFresh: OpenFresh): Promise<
  {
    db: Database
    access: Access
    as: (name: (typeof callerNames)[number]) => Promise<Caller>
  } & AsyncDisposable
> {
  const fresh = await openFresh()
  const access = openAccess(fresh.db)
  const { adminToken } = await access.ensureFirstStart()
  const admin = await access.callerOf(adminToken)
  for (const scope of ['team', 'other']) await access.createScope(admin, scope)
  await access.createWorkspace(admin, 'team', { name: 'open', public: true })
  await access.createWorkspace(admin, 'team', { name: 'closed', public: false })
  const secrets = new Map<string, string | undefined>([['admin', adminToken]])
  for (const name of ['stranger', 'reader', 'contributor', 'owner', 'scope-owner', 'elsewhere']) {
    await access.createUser(admin, name)
    secrets.set(name, (await access.issueToken(name, { name: 'test' })).token)
  }
  for (const role of ['reader', 'contributor', 'owner'] as const) {
    for (const workspace of ['open', 'closed'])
      await access.grant(admin, { user: role, role, scope: 'team', workspace })
  }
  await access.grant(admin, { user: 'scope-owner', role: 'owner', scope: 'team' })
  // An owner of another scope has no power here, nor over the instance.
  await access.grant(admin, { user: 'elsewhere', role: 'owner', scope: 'other' })
  return {
    db: fresh.db,
    access,
    as: (name) => access.callerOf(secrets.get(name)),
    [Symbol.asyncDispose]: () => fresh.drop(),
  }
}

async function answerOf(answer: Promise<Workspace>): Promise<string> {
  try {
    await answer
    return '+'
  } catch (error) {
    assert.ok(error instanceof AshlarError)
    return String(error.entry.status)
  }
}

async function errorOf(answer: Promise<unknown>): Promise<{ code: string; message: string; extra: unknown }> {
  try {
    await answer
  } catch (error) {
    assert.ok(error instanceof AshlarError)
    return { code: error.code, message: error.message, extra: error.extra }
  }
  return assert.fail('This should have been refused')
}
