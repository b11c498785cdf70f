import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Command } from 'commander'
import { names, paths } from './list-option.ts'
import { mirrorCommand } from './mirror.ts'

test('names are given at once or one after the other; paths one after the other', () => {
  const command = new Command().option('--component <names>', '', names).option('--keyring <file>', '', paths)
  const words = '--component main,contrib --component non-free --keyring a,b.gpg --keyring c.gpg'.split(' ')
  const options = command.parse(words, { from: 'user' }).opts()
  assert.deepEqual(options, { component: ['main', 'contrib', 'non-free'], keyring: ['a,b.gpg', 'c.gpg'] })
})

test('an index that a mirror cannot take is refused with what it can', () => {
  const create = mirrorCommand().commands.find((command) => command.name() === 'create')
  create?.exitOverride().configureOutput({ writeErr: () => {} })
  const words = ['m', 'http://a/', 's', '--keyring', 'k', '--index', 'contents,sounds']
  assert.throws(() => create?.parse(words, { from: 'user' }), /translations, contents, dep11, cnf; or none/)
})
