import type { Transport } from './transport.ts'
import type { Policy, PolicyWish, StoreChange, StoreInfo, StoreWish } from './store-types.ts'

/** The file stores, for administrators. Errors: an AshlarError with the code of the server's problem document. */
export class StoresClient {
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
  }

  async list(): Promise<readonly StoreInfo[]> {
    const answer = await this.#transport.json({ method: 'GET', path: '/api/v1/stores', repeatable: true })
    return (answer as { stores: StoreInfo[] }).stores
  }

  async show(name: string): Promise<StoreInfo> {
    return (await this.#transport.json({ method: 'GET', path: pathOf(name), repeatable: true })) as StoreInfo
  }

  async create(wish: StoreWish): Promise<StoreInfo> {
    const call = { method: 'POST', path: '/api/v1/stores', json: wish, repeatable: false } as const
    return (await this.#transport.json(call)) as StoreInfo
  }

  async update(name: string, change: StoreChange): Promise<StoreInfo> {
    const call = { method: 'PATCH', path: pathOf(name), json: change, repeatable: true } as const
    return (await this.#transport.json(call)) as StoreInfo
  }

  async delete(name: string): Promise<void> {
    await this.#transport.json({ method: 'DELETE', path: pathOf(name), repeatable: false })
  }

  /** Replaces the policy of a scope, or of every scope without one of its own (null). */
  async setPolicy(name: string, scope: string | null, policy: PolicyWish): Promise<Policy> {
    const call = { method: 'PUT', path: policyPath(name, scope), json: policy, repeatable: true } as const
    return (await this.#transport.json(call)) as Policy
  }

  async unsetPolicy(name: string, scope: string | null): Promise<void> {
    await this.#transport.json({ method: 'DELETE', path: policyPath(name, scope), repeatable: false })
  }
}

function pathOf(name: string): string {
  return `/api/v1/stores/${encodeURIComponent(name)}`
}

function policyPath(name: string, scope: string | null): string {
  return `${pathOf(name)}/policies/${scope === null ? '*' : encodeURIComponent(scope)}`
}
