import { type Static, type TSchema, type TUnsafe, Type } from 'typebox'

/** A model that is described once and referred to by its name. */
export function refTo<T extends TSchema>(model: T): TUnsafe<Static<T>> {
  return Type.Unsafe<Static<T>>({ $ref: `${nameOf(model)}#` })
}

function nameOf(model: TSchema): string {
  const name: unknown = Reflect.get(model, '$id')
  if (typeof name !== 'string') throw new Error('Only a model with a name can be referred to')
  return name
}
