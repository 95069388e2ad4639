import { Schema, type Types } from 'mongoose'

export interface UserDocument {
  _id: Types.ObjectId
  phone: string
  name: string
  passwordHash: string
  createdAt: Date
}

export const userSchema = new Schema<UserDocument>(
  {
    phone: { type: String, required: true },
    name: { type: String, required: true },
    passwordHash: { type: String, required: true },
    createdAt: { type: Date, required: true },
  },
  { collection: 'users', versionKey: false },
)
// One account a phone, however many register it at once.
userSchema.index({ phone: 1 }, { name: 'phone', unique: true })
// Search by name.
userSchema.index({ name: 1 }, { name: 'name' })
