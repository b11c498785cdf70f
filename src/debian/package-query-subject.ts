/** Packages as queries ask about them. */
import type { Paragraph } from './deb822.ts'
import type { QuerySubject } from './package-query-term.ts'
import { stanzaField } from './stanza-field.ts'

/**
 * A package by its entry in a Packages or Sources index, read already.
 *
 * @throws AshlarError `control-invalid` if it has no name or version.
 */
export function paragraphSubject(entry: Paragraph, type: QuerySubject['type']): QuerySubject {
  return {
    name: entry.require('Package'),
    version: entry.require('Version'),
    architecture: type === 'source' ? 'source' : entry.require('Architecture'),
    type,
    field: (name) => entry.get(name),
  }
}

/** A package that an archive has, by the text of its entry, of which no more is read than is asked for. */
export function stanzaSubject(item: {
  readonly kind: 'deb' | 'udeb' | 'dsc'
  readonly name: string
  readonly version: string
  readonly architecture: string
  readonly stanza: string
}): QuerySubject {
  const { kind, name, version, architecture, stanza } = item
  return {
    name,
    version,
    architecture,
    type: kind === 'dsc' ? 'source' : kind,
    field: (wanted) => stanzaField(stanza, wanted),
  }
}
