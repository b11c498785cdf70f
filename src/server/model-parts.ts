/** What the models of the API are made of. */
import { type Static, type TObject, type TProperties, type TSchema, type TUnsafe, Type } from 'typebox'

/** An object with these members and no others, as the body of a request. */
export function closed<T extends TProperties>(
  name: string,
  members: T,
  options: { description?: string } = {},
): TObject<T> {
  return Type.Object(members, { $id: name, additionalProperties: false, ...options })
}

export function open<T extends TProperties>(
  name: string,
  members: T,
  options: { description?: string } = {},
): TObject<T> {
  return Type.Object(members, { $id: name, ...options })
}

export const Id = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })
export const Count = Type.Integer({ minimum: 0 })
export const Time = Type.String({ format: 'date-time', description: 'ISO 8601 in UTC with microseconds' })
export const Name = Type.String({ minLength: 1, maxLength: 255 })
export const Digest = Type.String({ pattern: '^[0-9a-fA-F]{64}$', description: 'SHA-256 in hexadecimal digits' })
export const At = Type.String({
  maxLength: 64,
  description: 'A revision (`r17`) or a moment (`20261123T080127Z`, ISO 8601)',
})

/** A model that is described once and referred to by its name. */
export function refTo<T extends TSchema>(model: T): TUnsafe<Static<T>> {
  return Type.Unsafe<Static<T>>({ $ref: `${nameOf(model)}#` })
}

function nameOf(model: TSchema): string {
  const name: unknown = Reflect.get(model, '$id')
  if (typeof name !== 'string') throw new Error('Only a model with a name can be referred to')
  return name
}
