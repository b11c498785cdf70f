/** What scopes, workspaces and users may be called. */
import { AshlarError } from '../common/errors.ts'

/**
 * Whether `text` can be the name of a scope, a workspace or a user: one segment of a URL that needs no escaping, in
 * lower case so that two names never differ by case only.
 */
export function isAccessName(text: string): boolean {
  return text.length <= 63 && /^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$/.test(text)
}

/**
 * Whether `text` is `name~origin`: somebody as another program knew them, often by an address, and which program that
 * was. No account can have such a name, so nobody can be mistaken for one.
 */
export function isOriginName(text: string): boolean {
  const [name = '', origin = '', ...more] = text.split('~')
  return (
    more.length === 0 &&
    /^[a-z0-9](?:[a-z0-9._+@-]*[a-z0-9])?$/.test(name) &&
    name.length <= 120 &&
    isAccessName(origin)
  )
}

/** @throws AshlarError request-invalid */
export function requireAccessName(text: string, what: string): void {
  if (isAccessName(text)) return
  throw new AshlarError(
    'request-invalid',
    `${JSON.stringify(text.slice(0, 80))} cannot be the name of a ${what}: use up to 63 of a-z, 0-9, '.', '_' and '-', beginning and ending with a letter or digit.`,
  )
}

/** Nobody acts as somebody of another origin. @param lacks what they cannot have. @throws AshlarError request-invalid */
export function requireAccount(name: string, lacks: string): void {
  if (!isOriginName(name)) return
  throw new AshlarError('request-invalid', `${name} is known from another program only, and can have ${lacks} here.`)
}
