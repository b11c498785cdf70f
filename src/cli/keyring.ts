import { Command } from 'commander'
import type { Keyring } from '../client/client.ts'
import { inSession } from './session.ts'
import { listing, table } from './table.ts'
import { counted, localTime } from './wording.ts'

/** `ashlar keyring`: whose signatures count where uploads are signed. */
export function keyringCommand(): Command {
  const keyring = new Command('keyring').description('public keys that the workspace trusts to sign uploads')
  return keyring.addCommand(add()).addCommand(list()).addCommand(show()).addCommand(remove())
}

function add(): Command {
  return new Command('add')
    .description('trust public keys; the keyring is made if there is none')
    .argument('<keyring>', 'its name, such as developers')
    .argument('<file...>', 'public keys, as `gpg --export` writes them, armored or not')
    .action(async (name: string, files: string[], _options: object, command: Command) =>
      inSession(command, async ({ workspace }) => {
        const { readFile } = await import('node:fs/promises')
        const { describeKeys, joinKeyrings, readKeyring } = await import('../debian/keyring.ts')
        const { unreadable } = await import('./local-file.ts')
        const read = await Promise.all(
          files.map(async (file) => {
            const bytes = await readFile(file).catch((error: unknown) => {
              throw unreadable(file, error)
            })
            return readKeyring(bytes, file)
          }),
        )
        const keys = await describeKeys(joinKeyrings(read), new Date())
        const keyring = await workspace.addKeys(name, keys.map((key) => key.armored).join(''))
        return {
          document: keyring,
          text: [`${name} has ${counted(keyring.keys.length, 'key')} now.`, keysText(keyring)].join('\n'),
        }
      }),
    )
}

function list(): Command {
  return new Command('list').description('the keyrings').action(async (_options: object, command: Command) =>
    inSession(command, async ({ workspace }) => {
      const keyrings = await workspace.keyrings()
      const rows = keyrings.map((each) => [each.name, String(each.keys.length)])
      return {
        document: { keyrings },
        text:
          rows.length === 0
            ? 'There is no keyring yet. Make one with `ashlar keyring add NAME FILE`.'
            : table(['KEYRING', '>KEYS'], rows),
        brief: keyrings.map((each) => each.name).join('\n'),
      }
    }),
  )
}

function show(): Command {
  return new Command('show')
    .description('the keys of a keyring')
    .argument('<keyring>')
    .action(async (name: string, _options: object, command: Command) =>
      inSession(command, async ({ workspace }) => {
        const keyring = await workspace.keyring(name)
        const brief = keyring.keys.map((key) => key.fingerprint).join('\n')
        return { document: keyring, text: keyring.keys.length === 0 ? `${name} has no key.` : keysText(keyring), brief }
      }),
    )
}

function remove(): Command {
  return new Command('remove')
    .description('trust a key no longer, or a whole keyring')
    .argument('<keyring>')
    .argument('[fingerprint]', 'only this key')
    .action(async (name: string, fingerprint: string | undefined, _options: object, command: Command) =>
      inSession(command, async ({ workspace }) => {
        if (fingerprint === undefined) {
          await workspace.removeKeyring(name)
          return { document: { removed: name }, text: `The keyring ${name} is gone; it counts for no suite any more.` }
        }
        await workspace.removeKey(name, fingerprint)
        return { document: { keyring: name, removed: fingerprint }, text: `${name} trusts ${fingerprint} no longer.` }
      }),
    )
}

function keysText({ keys }: Keyring): string {
  return keys
    .map((key) =>
      listing([
        ['Key', key.fingerprint],
        ['Of', key.userIds.join(', ')],
        ['Kind', key.algorithm],
        ['Expires', key.expiresAt === null ? 'never' : localTime(key.expiresAt)],
        ['Revoked', key.revoked ? 'yes: its signatures do not count' : ''],
        ['Added', `${localTime(key.addedAt)}${key.addedBy === null ? '' : ` by ${key.addedBy}`}`],
      ]),
    )
    .join('\n\n')
}
