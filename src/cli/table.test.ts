import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { listing, table } from './table.ts'

test('columns are as wide as their widest cell, numbers to the right, and no line ends in blanks', () => {
  const text = table(
    ['NAME', '>COUNT', ''],
    [
      ['a', '1', 'x'],
      ['longer', '1000', ''],
    ],
  )
  assert.equal(stripVTControlCharacters(text), 'NAME    COUNT\na           1  x\nlonger   1000')
})

test('a listing aligns values and leaves out empty ones', () => {
  assert.equal(
    listing([
      ['Suite', 'stable'],
      ['Aliases', ''],
      ['Packages', '3'],
    ]),
    'Suite     stable\nPackages  3',
  )
})
