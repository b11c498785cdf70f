/** Packages of a suite of another archive: with what they need, and how they are placed there. */
import type { Kysely } from 'kysely'
import { AshlarError } from '../../common/errors.ts'
import type { Tables } from '../../database/schema.ts'
import { LINES_PER_ANSWER, type PackageChoice, type PackagePlacement, type UnmetNeed } from '../change-request.ts'
import { chosenItems, itemsOfIds, type SuiteView } from './chosen-items.ts'
import { type CopySource, symbolsBeside } from './copied-symbols.ts'
import { neededItems } from './needed-items.ts'
import { requireThawed } from '../frozen.ts'
import { refusePurged } from '../purged-packages.ts'
import type { WholeItem } from '../suite-items.ts'
import type { Suite } from '../suite-table.ts'

/** A package in the component and with the overrides that it has there. */
export interface ForeignPlacement extends PackagePlacement {
  /** `hello 2.10-3` */
  readonly label: string
  readonly component: string
}

export interface ForeignChoice {
  readonly placements: readonly ForeignPlacement[]
  readonly unmet: readonly UnmetNeed[]
}

/**
 * @param target the suite that they are for, whose packages count where dependencies come along
 * @throws AshlarError query-invalid, not-found; gone for what was purged
 */
export async function chooseForeign(
  db: Kysely<Tables>,
  source: CopySource,
  target: SuiteView | undefined,
  choice: PackageChoice & { readonly withDeps?: boolean },
): Promise<ForeignChoice> {
  const chosen: WholeItem[] = []
  for await (const page of chosenItems(db, source, choice)) chosen.push(...page)
  const symbols: WholeItem[] = []
  for await (const page of symbolsBeside(db, source, choice)) symbols.push(...page)
  if (choice.withDeps !== true) return { placements: await placed(db, [...chosen, ...symbols]), unmet: [] }
  const { items, unmet } = await neededItems(db, source, target, chosen)
  const all: WholeItem[] = []
  for await (const page of itemsOfIds(source, items)) all.push(...page)
  return { placements: await placed(db, [...all, ...symbols]), unmet: unmet.slice(0, LINES_PER_ANSWER) }
}

/** @throws AshlarError suite-frozen; component-unknown for what the suite has no place for */
export function requireRoomFor(suite: Suite, placements: readonly ForeignPlacement[]): void {
  requireThawed(suite)
  const homeless = placements.find(({ component }) => !suite.settings.components.includes(component))
  if (homeless === undefined) return
  throw new AshlarError(
    'component-unknown',
    `${homeless.label} is in the component '${homeless.component}', which '${suite.name}' does not have.`,
  )
}

async function placed(db: Kysely<Tables>, items: readonly WholeItem[]): Promise<ForeignPlacement[]> {
  await refusePurged(
    db,
    items.map((item) => item.package_id),
  )
  return items.map(({ package_id: packageId, name, version, component, section, priority }) => ({
    label: `${name} ${version}`,
    packageId,
    component,
    ...(section === null ? {} : { section }),
    ...(priority === null ? {} : { priority }),
  }))
}
