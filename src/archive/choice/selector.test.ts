import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Selection } from './selector.ts'

const hello = { name: 'hello', version: '1', architecture: 'amd64' }

test('a selector means what it names, and all where it names nothing more', () => {
  assert.ok(new Selection([{ name: 'hello' }]).has(hello))
  assert.ok(new Selection([{ name: 'hello', version: '1', architecture: 'amd64' }]).has(hello))
  assert.ok(!new Selection([{ name: 'hello', version: '2' }]).has(hello))
  assert.ok(!new Selection([{ name: 'hello', architecture: 'all' }]).has(hello))
  assert.ok(!new Selection([{ name: 'hell' }]).has(hello))
  assert.ok(!new Selection([]).has(hello))
  assert.ok(new Selection(undefined).has(hello))
})

test('selectors that chose nothing are known', () => {
  const selectors = [{ name: 'hello' }, { name: 'hello', version: '2' }, { name: 'other' }]
  const selection = new Selection(selectors)
  assert.equal(selection.unused, selectors[0])
  selection.has(hello)
  assert.equal(selection.unused, selectors[1])
  selection.has({ ...hello, version: '2' })
  selection.has({ ...hello, name: 'other' })
  assert.equal(selection.unused, undefined)
  assert.deepEqual(selection.names, ['hello', 'other'])
})
