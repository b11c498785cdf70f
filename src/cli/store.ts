import { Command, Option } from 'commander'
import type { StoreInfo } from '../client/client.ts'
import { AshlarError } from '../common/errors.ts'
import { inSession } from './session.ts'
import { type OrNone, orNull, parseSize, sizeOrNone } from './size.ts'
import { type PlaceOptions, placeChange, placeOfNew, withPlaceOptions } from './store-place.ts'
import { policyCommand, type PolicyOptions, policyWish, withPolicyOptions } from './store-policy.ts'
import { storeListing, storeTable } from './store-text.ts'

const sizes = '\nSizes: 500G is 500,000,000,000 bytes; with an i (GiB) letters are powers of 1024.'

/** `ashlar store`: the places that keep files, and how scopes use them. */
export function storeCommand(): Command {
  const store = new Command('store').description(
    'places that keep files: directories, buckets; and how scopes use them',
  )
  store.addCommand(create()).addCommand(list()).addCommand(show()).addCommand(set()).addCommand(remove())
  return store.addCommand(policyCommand())
}

interface LimitOptions {
  readonly softMax?: OrNone
  readonly hardMax?: OrNone
  readonly uploads?: boolean
}

interface CreateOptions extends PlaceOptions, PolicyOptions, LimitOptions {
  readonly scope?: string
}

function create(): Command {
  const command = new Command('create')
    .description('make a store; the server looks into it first')
    .argument('<store>', 'what to call it')
    .addOption(new Option('--kind <kind>', 'what it is').choices(['local', 's3', 'remote']).default('local'))
  return withPolicyOptions(withPlaceOptions(command))
    .option('--scope <scope>', 'a store that only this scope may use')
    .option('--soft-max <size>', 'a vacuum moves files out above this size', parseSize)
    .option('--hard-max <size>', 'an upload that would pass this size goes to another store', parseSize)
    .option('--uploads', 's3: keep uploads in progress there, for every server')
    .addHelpText('after', sizes)
    .action(async (name: string, options: CreateOptions, self: Command) =>
      inSession(self, async ({ client }) => {
        const { scope, softMax, hardMax, uploads } = options
        const policy = policyWish(options)
        const made = await client.stores.create({
          name,
          ...(await placeOfNew(options)),
          ...(scope === undefined ? {} : { scope }),
          ...orNull({ softMaxBytes: softMax, hardMaxBytes: hardMax }),
          ...(uploads === undefined ? {} : { holdsUploads: uploads }),
          ...(Object.keys(policy).length === 0 ? {} : { policy }),
        })
        return { document: made, text: [`Made the store ${name}.`, ...nextSteps(made)].join('\n') }
      }),
    )
}

/** A store that no policy names is there, and nothing happens to it. */
function nextSteps({ name, kind, policies }: StoreInfo): string[] {
  if (kind === 'remote') return []
  if (policies.some(({ uploadPriority, populate }) => uploadPriority !== null || populate)) return []
  return [
    'Nothing is put there yet. Let uploads go there, or keep a copy of everything there:',
    `  ashlar store policy ${name} --upload-priority 200`,
    `  ashlar store policy ${name} --populate`,
  ]
}

function list(): Command {
  return new Command('list')
    .description('the stores, how full they are, and what is wrong with them')
    .action(async (_options: object, command: Command) =>
      inSession(command, async ({ client }) => {
        const stores = await client.stores.list()
        return { document: { stores }, text: storeTable(stores), brief: stores.map(({ name }) => name).join('\n') }
      }),
    )
}

function show(): Command {
  return new Command('show')
    .description('one store, and what each scope has in it')
    .argument('<store>')
    .action(async (name: string, _options: object, command: Command) =>
      inSession(command, async ({ client }) => {
        const store = await client.stores.show(name)
        return { document: store, text: storeListing(store), brief: store.name }
      }),
    )
}

function set(): Command {
  const command = new Command('set').description('change a store; what is not named stays').argument('<store>')
  return withPlaceOptions(command)
    .option('--soft-max <size>', 'a vacuum moves files out above this size; or none', sizeOrNone)
    .option('--hard-max <size>', 'an upload that would pass this size goes to another store; or none', sizeOrNone)
    .option('--uploads', 's3: keep uploads in progress there, for every server')
    .option('--no-uploads', 's3: keep them there no more')
    .addHelpText(
      'after',
      `${sizes} The word none takes an option away, and as --access-key-id the key.\n` +
        'A store stays where its files are: a directory may be another one if the files have been moved there.',
    )
    .action(async (name: string, options: PlaceOptions & LimitOptions, self: Command) =>
      inSession(self, async ({ client }) => {
        const { softMax, hardMax, uploads } = options
        const change = {
          ...(await placeChange(options)),
          ...orNull({ softMaxBytes: softMax, hardMaxBytes: hardMax }),
          ...(uploads === undefined ? {} : { holdsUploads: uploads }),
        }
        if (Object.keys(change).length === 0) {
          throw new AshlarError('usage', 'Nothing is to be set: name at least one option.')
        }
        const store = await client.stores.update(name, change)
        return { document: store, text: `Changed the store ${name}. See \`ashlar store show ${name}\`.` }
      }),
    )
}

function remove(): Command {
  return new Command('delete')
    .description('take a store away that has no files left')
    .argument('<store>')
    .action(async (name: string, _options: object, command: Command) =>
      inSession(command, async ({ client }) => {
        await client.stores.delete(name)
        return { document: { deleted: name }, text: `The store ${name} is gone; its place is as it was left.` }
      }),
    )
}
