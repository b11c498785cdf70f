/**
 * The HTTP client: what the command line speaks to a server with, and what other programs import.
 *
 * Lives here: addresses, shapes of requests and answers (the files *-types.ts; times are ISO 8601 in UTC with microseconds), connections and repetition (transport.ts,
 * retry.ts), resumable uploads (upload-file.ts), problem documents as errors (problem.ts). Not here: anything that
 * knows packages, tables of output, or a database.
 *
 * Every call that changes a suite carries an idempotency key, so that it can be repeated after a lost answer; give
 * your own where the same change may be asked for by two processes.
 */
import { AshlarError } from '../common/errors.ts'
import { events } from './event-stream.ts'
import type { RetryPolicy } from './retry.ts'
import { StoresClient } from './stores-client.ts'
import { Transport } from './transport.ts'
import { WorkspaceClient } from './workspace-client.ts'
import type {
  AttachedUser,
  CreatedToken,
  GrantInfo,
  GrantPlace,
  RevokedGrant,
  Role,
  ScopeInfo,
  TokenInfo,
  UserInfo,
  WorkspaceInfo,
  WorkspaceSettings,
} from './access-types.ts'
import type { FsckEvent, FsckOptions, VacuumEvent } from './maintenance-types.ts'
import type { Purge, Why } from './why-types.ts'

export type * from './access-types.ts'
export type * from './artifact-types.ts'
export type * from './change-types.ts'
export type * from './maintenance-types.ts'
export type * from './mirror-types.ts'
export type * from './store-types.ts'
export type * from './suite-types.ts'
export type * from './upload-types.ts'
export type * from './check-types.ts'
export type * from './why-types.ts'
export { isConnectionFailure } from './retry.ts'
export type { RetryPolicy } from './retry.ts'
export { MirrorsClient } from './mirrors-client.ts'
export { StoresClient } from './stores-client.ts'
export { WorkspaceClient } from './workspace-client.ts'

export interface ClientOptions {
  /** The server's base URL, `http://127.0.0.1:8080/`. */
  readonly url: string
  readonly token?: string | undefined
  /** Connections at a time. */
  readonly connections?: number
  readonly retries?: RetryPolicy
}

/** @example const client = new AshlarClient({ url: 'http://127.0.0.1:8080/' }) */
export class AshlarClient {
  readonly url: string
  readonly #transport: Transport

  /** Connects when the first call is made. Errors: `usage` if the URL is none. */
  constructor(options: ClientOptions) {
    const url = URL.canParse(options.url) ? new URL(options.url) : undefined
    if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
      throw new AshlarError(
        'usage',
        `“${options.url}” is not the URL of a server; it looks like http://127.0.0.1:8080/.`,
      )
    }
    this.url = url.href
    this.#transport = new Transport(url, options)
  }

  workspace(scope: string, name: string): WorkspaceClient {
    return new WorkspaceClient(this.#transport, scope, name)
  }

  /** The file stores; for administrators. */
  get stores(): StoresClient {
    return new StoresClient(this.#transport)
  }

  async scopes(): Promise<readonly ScopeInfo[]> {
    const answer = (await this.#get('/api/v1/scopes')) as { scopes: ScopeInfo[] }
    return answer.scopes
  }

  async createScope(name: string): Promise<ScopeInfo> {
    return (await this.#post('/api/v1/scopes', { name })) as ScopeInfo
  }

  async workspaces(scope: string): Promise<readonly WorkspaceInfo[]> {
    const answer = (await this.#get(workspacesOf(scope))) as { workspaces: WorkspaceInfo[] }
    return answer.workspaces
  }

  async createWorkspace(scope: string, workspace: { name: string; public: boolean }): Promise<WorkspaceInfo> {
    return (await this.#post(workspacesOf(scope), workspace)) as WorkspaceInfo
  }

  async workspaceSettings(scope: string, name: string): Promise<WorkspaceInfo & WorkspaceSettings> {
    return (await this.#get(workspaceAt(scope, name))) as WorkspaceInfo & WorkspaceSettings
  }

  /** Changes what is given; for owners. */
  async changeWorkspace(
    scope: string,
    name: string,
    changes: Partial<WorkspaceSettings>,
  ): Promise<WorkspaceInfo & WorkspaceSettings> {
    const path = workspaceAt(scope, name)
    const answer = await this.#transport.json({ method: 'PATCH', path, json: changes, repeatable: true })
    return answer as WorkspaceInfo & WorkspaceSettings
  }

  /** Accounts, and people whom another program knew; for admins. */
  async users(): Promise<readonly UserInfo[]> {
    const answer = (await this.#get('/api/v1/users')) as { users: UserInfo[] }
    return answer.users
  }

  /** Who the token acts for, or for admins another user. */
  async user(name?: string): Promise<UserInfo> {
    return (await this.#get(name === undefined ? '/api/v1/user' : userAt(name))) as UserInfo
  }

  async createUser(name: string): Promise<{ readonly name: string }> {
    return (await this.#post('/api/v1/users', { name })) as { name: string }
  }

  /** Makes all records of `name~origin` those of an account. */
  async attachUser(name: string, account: string): Promise<AttachedUser> {
    const path = `${userAt(name)}/attach`
    return (await this.#transport.json({ method: 'POST', path, json: { account }, repeatable: true })) as AttachedUser
  }

  /** Every role that holds at a place, given there or more widely, or at a part of it; for its owners. */
  async grants(place: GrantPlace): Promise<readonly GrantInfo[]> {
    return ((await this.#get(grantsAt(place))) as { grants: GrantInfo[] }).grants
  }

  /** Gives a user a role at a place, instead of the one that they have there; for its owners. */
  async grant(user: string, role: Role, place: GrantPlace): Promise<void> {
    const path = `${grantsAt(place)}/${encodeURIComponent(user)}`
    await this.#transport.json({ method: 'PUT', path, json: { role }, repeatable: true })
  }

  /** Takes away the role that a user has at a place; for its owners. */
  async revokeGrant(user: string, place: GrantPlace): Promise<RevokedGrant> {
    const path = `${grantsAt(place)}/${encodeURIComponent(user)}`
    return (await this.#transport.json({ method: 'DELETE', path, repeatable: true })) as RevokedGrant
  }

  async tokens(): Promise<readonly TokenInfo[]> {
    const answer = (await this.#get('/api/v1/tokens')) as { tokens: TokenInfo[] }
    return answer.tokens
  }

  async createToken(token: { name: string; user?: string }): Promise<CreatedToken> {
    return (await this.#post('/api/v1/tokens', token)) as CreatedToken
  }

  async revokeToken(id: number): Promise<void> {
    await this.#transport.json({ method: 'DELETE', path: `/api/v1/tokens/${id}`, repeatable: true })
  }

  /**
   * Tidies up the stores of the server, or tells what would be done; each event as it happens, the last one of the kind
   * `end`. Who stops listening stops the vacuum.
   */
  async *vacuum(options: { dryRun: boolean; signal?: AbortSignal }): AsyncGenerator<VacuumEvent, void, undefined> {
    const { dryRun, signal } = options
    const call = { method: 'POST', path: '/api/v1/maintenance/vacuum', json: { dryRun }, repeatable: false } as const
    yield* events(this.#transport, signal === undefined ? call : { ...call, signal }) as AsyncGenerator<VacuumEvent>
  }

  /**
   * Checks the database against the stores, and repairs what is bad if that is asked for. The last event is the end; who
   * stops listening stops the check.
   */
  async *fsck(options: FsckOptions = {}): AsyncGenerator<FsckEvent, void, undefined> {
    const { signal, ...json } = options
    const call = { method: 'POST', path: '/api/v1/maintenance/fsck', json, repeatable: false, signal } as const
    for await (const event of events(this.#transport, call)) yield event as FsckEvent
  }

  /** Why an artifact or a file is kept, when it goes, or why it is gone: over all workspaces, for admins. */
  async why(subject: string): Promise<Why> {
    return (await this.#transport.json({
      method: 'GET',
      path: '/api/v1/why',
      query: { subject },
      repeatable: true,
    })) as Why
  }

  /** Removes a file from every store at once, and lets it never come back. */
  async purge(sha256: string, reason: string): Promise<Purge> {
    return (await this.#transport.json({
      method: 'DELETE',
      path: `/api/v1/files/${encodeURIComponent(sha256)}`,
      json: { reason },
      repeatable: true,
    })) as Purge
  }

  /** Closes the kept connections; a later call opens new ones. */
  close(): void {
    this.#transport.close()
  }

  async #get(path: string): Promise<unknown> {
    return this.#transport.json({ method: 'GET', path, repeatable: true })
  }

  async #post(path: string, json: unknown): Promise<unknown> {
    return this.#transport.json({ method: 'POST', path, json, repeatable: false })
  }
}

function workspacesOf(scope: string): string {
  return `/api/v1/scopes/${encodeURIComponent(scope)}/workspaces`
}

function workspaceAt(scope: string, name: string): string {
  return `${workspacesOf(scope)}/${encodeURIComponent(name)}`
}

function userAt(name: string): string {
  return `/api/v1/users/${encodeURIComponent(name)}`
}

function grantsAt({ scope, workspace }: GrantPlace): string {
  if (scope === undefined) return '/api/v1/grants'
  if (workspace === undefined) return `/api/v1/scopes/${encodeURIComponent(scope)}/grants`
  return `${workspaceAt(scope, workspace)}/grants`
}
