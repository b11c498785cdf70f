/** The models of users and their roles. */
import { type TSchema, Type } from 'typebox'
import { refTo, Time, Name } from './model-parts.ts'

const closed = { additionalProperties: false }
const orNull = (description: string) => Type.Union([Type.String(), Type.Null()], { description })

const Role = Type.Union([
  Type.Literal('reader'),
  Type.Literal('contributor'),
  Type.Literal('owner'),
  Type.Literal('admin'),
])
export const Grant = Type.Object(
  {
    user: Type.String(),
    role: Role,
    scope: orNull('Null: everywhere'),
    workspace: orNull('Null: in all workspaces of the scope'),
    createdAt: Time,
  },
  { $id: 'Grant', description: 'A role that a user has at a place' },
)
export const GrantWish = Type.Object({ role: Role }, { $id: 'GrantWish', ...closed })
export const GrantList = Type.Object({ grants: Type.Array(refTo(Grant)) }, { $id: 'GrantList' })
export const RevokedGrant = Type.Object(
  {
    user: Type.String(),
    role: Type.Union([Role, Type.Null()], { description: 'What was taken away; null: there was none' }),
    left: Type.Array(refTo(Grant), { description: 'The roles that the user still has there' }),
  },
  { $id: 'RevokedGrant' },
)

export const UserWish = Type.Object({ name: Name }, { $id: 'UserWish', ...closed })
export const User = Type.Object(
  {
    name: Type.String({ description: 'Of an account, or `name~origin` of somebody whom another program knew' }),
    createdAt: Time,
    attachedTo: orNull('The account that `name~origin` is'),
    grants: Type.Array(refTo(Grant), { description: 'The widest first' }),
  },
  { $id: 'User' },
)
export const UserList = Type.Object({ users: Type.Array(refTo(User)) }, { $id: 'UserList' })
export const CreatedUser = Type.Object({ name: Type.String() }, { $id: 'CreatedUser' })
export const UserAttachment = Type.Object({ account: Name }, { $id: 'UserAttachment', ...closed })
export const AttachedUser = Type.Object(
  {
    name: Type.String(),
    account: Type.String(),
    records: Type.Integer({ minimum: 0, description: 'How many became those of the account' }),
  },
  { $id: 'AttachedUser' },
)

export const userModels: readonly TSchema[] = [
  Grant,
  GrantWish,
  GrantList,
  RevokedGrant,
  UserWish,
  User,
  UserList,
  CreatedUser,
  UserAttachment,
  AttachedUser,
]
