/** Who gives and takes roles, where, and what nobody may do with them. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { forEachDialect, type OpenFresh } from '../../test/support/databases.ts'
import type { Database } from '../database/database.ts'
import { openAccess, type Access, type Caller, type GrantPlace } from './access.ts'

const apps = { scope: 'team', workspace: 'apps' }
const secrets = { scope: 'team', workspace: 'secrets' }
const elsewhere = { scope: 'other', workspace: 'main' }
const places: Record<string, GrantPlace> = {
  instance: {},
  team: { scope: 'team' },
  apps,
  secrets,
  other: { scope: 'other' },
  elsewhere,
  nowhere: { scope: 'nowhere' },
  missing: { scope: 'team', workspace: 'missing' },
}

/** What those who give, take or list roles are answered at each place: yes, or the code. */
const answers: Record<string, Record<string, string>> = {
  anonymous: answered('401 401 401 401 401 401 401 401'),
  stranger: answered('403 404 403 404 404 404 404 404'),
  reader: answered('403 404 403 404 404 404 404 404'),
  contributor: answered('403 404 403 404 404 404 404 404'),
  'apps-owner': answered('403 404 yes 404 404 404 404 404'),
  'team-owner': answered('403 yes yes yes 404 404 404 404'),
  'owner-everywhere': answered('403 yes yes yes yes yes 404 404'),
  admin: answered('yes yes yes yes yes yes 404 404'),
}

function answered(text: string): Record<string, string> {
  const words = text.split(' ')
  return Object.fromEntries(Object.keys(places).map((place, index) => [place, words[index] ?? '']))
}

forEachDialect((_dialect, openFresh) => {
  it('owners give, take and list roles in what is theirs, admins everywhere, and nobody else', async () => {
    await using given = await setUp(openFresh)
    const { access } = given
    for (const [what, deed] of [
      ['give', (caller: Caller, place: GrantPlace) => access.grant(caller, { ...place, user: 'new', role: 'reader' })],
      ['take', (caller: Caller, place: GrantPlace) => access.revokeGrant(caller, { ...place, user: 'new' })],
      ['list', (caller: Caller, place: GrantPlace) => access.grants(caller, place)],
    ] as const) {
      const found: typeof answers = {}
      for (const name of Object.keys(answers)) {
        const caller = await given.as(name)
        const row: Record<string, string> = {}
        for (const [place, names] of Object.entries(places)) row[place] = await answerOf(deed(caller, names))
        found[name] = row
      }
      assert.deepEqual(found, answers, what)
    }
  })

  it('a user has one role at a place: a new one comes instead of it', async () => {
    await using given = await setUp(openFresh)
    const { access } = given
    const admin = await given.as('admin')
    for (const role of ['owner', 'owner', 'reader', 'contributor'] as const) {
      await access.grant(admin, { ...apps, user: 'new', role })
      await access.grant(admin, { scope: 'team', user: 'new', role: 'reader' })
      assert.deepEqual(await given.rolesOf('new'), ['reader team', `${role} team/apps`])
    }
  })

  it('two who give one user a role at once leave one role', async () => {
    await using given = await setUp(openFresh)
    const { access } = given
    const admin = await given.as('admin')
    const roles = ['reader', 'contributor', 'owner'] as const
    await Promise.all(roles.map((role) => access.grant(admin, { ...apps, user: 'new', role })))
    assert.equal((await given.rolesOf('new')).length, 1)
  })

  it('what is taken away is told, and what the user still has there', async () => {
    await using given = await setUp(openFresh)
    const { access } = given
    const owner = await given.as('team-owner')
    await access.grant(await given.as('admin'), { ...elsewhere, user: 'new', role: 'owner' })
    await access.grant(owner, { ...apps, user: 'new', role: 'contributor' })
    await access.grant(owner, { scope: 'team', user: 'new', role: 'reader' })
    const first = await access.revokeGrant(owner, { ...apps, user: 'new' })
    assert.equal(first.role, 'contributor')
    assert.deepEqual(
      first.left.map(({ role, scope, workspace }) => [role, scope, workspace]),
      [['reader', 'team', null]],
    )
    assert.equal((await access.revokeGrant(owner, { ...apps, user: 'new' })).role, null)
    assert.deepEqual(await given.rolesOf('new'), ['owner other/main', 'reader team'])
  })

  it('a list has every role that holds there, given there or more widely', async () => {
    await using given = await setUp(openFresh)
    const { access } = given
    const listed = async (name: string, place: GrantPlace): Promise<string[]> =>
      (await access.grants(await given.as(name), place)).map(({ user }) => user)
    const here = ['admin', 'apps-owner', 'contributor', 'owner-everywhere', 'reader', 'team-owner']
    assert.deepEqual(await listed('apps-owner', apps), here)
    assert.deepEqual(await listed('team-owner', secrets), ['admin', 'owner-everywhere', 'team-owner'])
    assert.deepEqual(await listed('team-owner', { scope: 'team' }), here)
    assert.deepEqual(await listed('admin', {}), [...here.slice(0, 3), 'other-owner', ...here.slice(3)])
  })

  it('users see themselves and their roles, admins everybody', async () => {
    await using given = await setUp(openFresh)
    const { access } = given
    const me = await access.user(await given.as('contributor'))
    assert.deepEqual([me.name, me.grants.map(({ role }) => role)], ['contributor', ['contributor']])
    assert.equal((await access.user(await given.as('admin'), 'reader')).name, 'reader')
    await assert.rejects(access.user(await given.as('team-owner'), 'reader'), { code: 'forbidden' })
    await assert.rejects(access.user(await given.as('admin'), 'nobody'), { code: 'not-found' })
    await assert.rejects(access.user({ kind: 'anonymous' }), { code: 'token-required' })
  })

  it('admin is a role on the whole instance only', async () => {
    await using given = await setUp(openFresh)
    const admin = await given.as('admin')
    for (const place of [apps, { scope: 'team' }]) {
      await assert.rejects(given.access.grant(admin, { ...place, user: 'new', role: 'admin' }), {
        code: 'request-invalid',
      })
    }
  })

  it('a role for nobody, or for somebody known from another program only, is refused', async () => {
    await using given = await setUp(openFresh)
    const { access } = given
    const admin = await given.as('admin')
    await access.recordedFor(admin, 'jane@example.org~aptly')
    for (const [user, code] of [
      ['nobody', 'not-found'],
      ['jane@example.org~aptly', 'request-invalid'],
    ] as const) {
      await assert.rejects(access.grant(admin, { ...apps, user, role: 'reader' }), { code })
      await assert.rejects(access.revokeGrant(admin, { ...apps, user }), { code })
    }
  })

  it('the last admin with a token stays one', async () => {
    await using given = await setUp(openFresh)
    const { access } = given
    const admin = await given.as('admin')
    const alone = { code: 'last-admin', message: 'admin is the last admin of this instance.' }
    await assert.rejects(access.revokeGrant(admin, { user: 'admin' }), alone)
    await assert.rejects(access.grant(admin, { user: 'admin', role: 'owner' }), alone)
    await access.grant(admin, { user: 'new', role: 'admin' })
    const mute = { code: 'last-admin', message: 'admin is the last admin of this instance with a token.' }
    await assert.rejects(access.revokeGrant(admin, { user: 'admin' }), mute)
    const revoked = await access.createToken(admin, { name: 'x', user: 'new' })
    await access.revokeToken(admin, revoked.id)
    await access.createToken(admin, { name: 'x', user: 'new', expiresAt: (await given.db.now()) - 1 })
    await assert.rejects(access.revokeGrant(admin, { user: 'admin' }), mute)
    await access.createToken(admin, { name: 'x', user: 'new' })
    await access.revokeGrant(admin, { user: 'admin' })
    await assert.rejects(access.grants(await given.as('admin'), {}), { code: 'forbidden' })
  })

  it('admins who take the role from each other at once leave one', async () => {
    await using given = await setUp(openFresh)
    const { access } = given
    const admin = await given.as('admin')
    await access.grant(admin, { user: 'new', role: 'admin' })
    const other = await given.as('new')
    const results = await Promise.allSettled([
      access.revokeGrant(admin, { user: 'new' }),
      access.revokeGrant(other, { user: 'admin' }),
    ])
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1)
    const admins = await given.db.read.selectFrom('grant').select('id').where('role', '=', 'admin').execute()
    assert.equal(admins.length, 1)
  })

  it('who has lost a role gives none with it, not even where that is not known yet', async () => {
    await using given = await setUp(openFresh)
    const owner = await given.as('apps-owner')
    await openAccess(given.db).revokeGrant(await given.as('admin'), { ...apps, user: 'apps-owner' })
    await assert.rejects(given.access.grant(owner, { ...apps, user: 'new', role: 'owner' }), { code: 'forbidden' })
  })

  it('a role that is taken away ends at once where it was taken, and within a second elsewhere', async () => {
    await using given = await setUp(openFresh)
    const { access } = given
    const other = openAccess(given.db)
    const secret = given.secretOf('reader')
    const reads = async (room: Access): Promise<unknown> =>
      room.workspace(await room.callerOf(secret), 'team', 'secrets', 'read')
    const admin = await given.as('admin')
    await access.grant(admin, { ...secrets, user: 'reader', role: 'reader' })
    await reads(access)
    await reads(other)
    await access.revokeGrant(admin, { ...secrets, user: 'reader' })
    const revokedAt = performance.now()
    await assert.rejects(reads(access), { code: 'not-found' })
    while (performance.now() - revokedAt <= 1000) await new Promise((resolve) => setTimeout(resolve, 50))
    await assert.rejects(reads(other), { code: 'not-found' })
  })

  it('who gave and took a role is recorded', async () => {
    await using given = await setUp(openFresh)
    const owner = await given.as('team-owner')
    await given.access.grant(owner, { ...apps, user: 'new', role: 'reader' })
    await given.access.revokeGrant(owner, { ...apps, user: 'new' })
    const events = await given.db.read
      .selectFrom('event')
      .innerJoin('user', 'user.id', 'event.user_id')
      .select(['user.name', 'kind', 'subject', 'data_json'])
      .where('subject', '=', 'new')
      .orderBy('event.id')
      .execute()
    assert.deepEqual(
      events.map((event) => [event.name, event.kind, JSON.parse(event.data_json)]),
      [
        ['team-owner', 'grant.put', { ...apps, role: 'reader' }],
        ['team-owner', 'grant.remove', { ...apps, role: 'reader' }],
      ],
    )
  })
})

interface Given extends AsyncDisposable {
  readonly db: Database
  readonly access: Access
  as(name: string): Promise<Caller>
  secretOf(name: string): string | undefined
  /** `role scope/workspace`, the widest first. */
  rolesOf(name: string): Promise<string[]>
}

async function setUp(openFresh: OpenFresh): Promise<Given> {
  const fresh = await openFresh()
  const access = openAccess(fresh.db)
  const { adminToken } = await access.ensureFirstStart()
  const admin = await access.callerOf(adminToken)
  for (const scope of ['team', 'other']) await access.createScope(admin, scope)
  await access.createWorkspace(admin, 'team', { name: 'apps', public: true })
  await access.createWorkspace(admin, 'team', { name: 'secrets', public: false })
  await access.createWorkspace(admin, 'other', { name: 'main', public: false })
  const tokens = new Map<string, string | undefined>([['admin', adminToken]])
  for (const [user, role, place] of [
    ['stranger'],
    ['new'],
    ['reader', 'reader', apps],
    ['contributor', 'contributor', apps],
    ['apps-owner', 'owner', apps],
    ['team-owner', 'owner', { scope: 'team' }],
    ['other-owner', 'owner', { scope: 'other' }],
    ['owner-everywhere', 'owner', {}],
  ] as const) {
    await access.createUser(admin, user)
    if (user !== 'new') tokens.set(user, (await access.issueToken(user, { name: 'test' })).token)
    if (role !== undefined) await access.grant(admin, { ...place, user, role })
  }
  return {
    db: fresh.db,
    access,
    secretOf: (name) => tokens.get(name),
    async as(name) {
      if (name === 'new') return access.callerOf((await access.issueToken(name, { name: 'test' })).token)
      return access.callerOf(tokens.get(name))
    },
    async rolesOf(name) {
      const { grants } = await access.user(admin, name)
      return grants.map(({ role, scope, workspace }) => `${role} ${[scope, workspace].filter(Boolean).join('/')}`)
    },
    [Symbol.asyncDispose]: () => fresh.drop(),
  }
}

async function answerOf(deed: Promise<unknown>): Promise<string> {
  try {
    await deed
    return 'yes'
  } catch (error) {
    return String((error as { entry?: { status: number } }).entry?.status ?? error)
  }
}
