/** In which forms indexes are offered, and so in which their chunks are packed. */
import { endings, type IndexForm, type PackedForm } from './assembly.ts'
import type { IndexPath } from './index-paths.ts'
import { isItemPlace, type Place } from './suite-items.ts'

/** Contents are as long as all others together, and asked for seldom: one form is enough, which every reader of them has. */
export function packedFormsOf(place: Place): readonly PackedForm[] {
  return isItemPlace(place) || place.kind === 'translations' ? ['xz', 'gz', 'zst'] : ['gz']
}

/** With the plain text, which a Release has to list even if nobody fetches it. */
export function formsOf(place: Place): readonly IndexForm[] {
  return ['plain', ...packedFormsOf(place)]
}

/** The paths of an index in its forms. */
export function pathsOf({ path, places }: IndexPath): string[] {
  return formsOf(places[0]).map((form) => `${path}${endings[form]}`)
}
