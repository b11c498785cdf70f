/** The models of installability. */
import { type TSchema, Type } from 'typebox'
import { refTo, Count } from './model-parts.ts'

export const PackageReference = Type.Object(
  { name: Type.String(), version: Type.String(), architecture: Type.String() },
  { $id: 'PackageReference' },
)
export const NeededPackage = Type.Object(
  {
    package: refTo(PackageReference),
    chain: Type.Array(
      Type.Object({
        package: refTo(PackageReference),
        needs: Type.String({ description: 'A relation of the package, which the next one meets' }),
      }),
      { description: 'Who needs the package, beginning with what was looked at; empty for that itself' },
    ),
  },
  { $id: 'NeededPackage' },
)
export const InstallReason = Type.Object(
  {
    kind: Type.String({
      enum: ['missing', 'unreadable', 'conflict'],
      description: 'Nothing meets `needs`; the relations cannot be read (`detail`); `first` does not stand `second`',
    }),
    package: Type.Optional(refTo(PackageReference)),
    chain: Type.Optional(Type.Array(Type.Object({ package: refTo(PackageReference), needs: Type.String() }))),
    needs: Type.Optional(Type.String()),
    detail: Type.Optional(Type.String()),
    first: Type.Optional(refTo(NeededPackage)),
    second: Type.Optional(refTo(NeededPackage)),
    relation: Type.Optional(
      Type.Union([Type.String(), Type.Null()], { description: 'Of `first`; null for two packages of one name' }),
    ),
  },
  { $id: 'InstallReason' },
)
export const UninstallablePackage = Type.Object(
  {
    name: Type.String(),
    version: Type.String(),
    architecture: Type.String(),
    verdict: Type.String({
      enum: ['broken', 'undecided'],
      description: 'Undecided: the search was given up at its bound, which says nothing',
    }),
    reasons: Type.Array(refTo(InstallReason), { description: 'At most ten' }),
  },
  { $id: 'UninstallablePackage' },
)
export const SuiteCheck = Type.Object(
  {
    architectures: Type.Array(
      Type.Object({
        architecture: Type.String({ description: 'Of the machine' }),
        checked: Count,
        broken: Count,
        undecided: Count,
        packages: Type.Array(refTo(UninstallablePackage), { description: 'At most `limit`; the counts are of all' }),
      }),
    ),
  },
  { $id: 'SuiteCheck' },
)

export const checkModels: readonly TSchema[] = [
  PackageReference,
  NeededPackage,
  InstallReason,
  UninstallablePackage,
  SuiteCheck,
]
