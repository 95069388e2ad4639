/** Why a session ended before its time, as its person's devices are told: part of the contract. */
export type RevocationReason =
  | 'logout'
  | 'logout_all'
  /** Ended by its person, from another session. */
  | 'ended_elsewhere'
  /** A refresh token came again after it was used: somebody else may have it. */
  | 'refresh_reuse'
  /** There are too many sessions: the one that was not used for longest ends. */
  | 'too_many_sessions'
  | 'password_changed'
  | 'password_reset'
  /** Somebody proved that the phone of an account is theirs, which nobody had. */
  | 'phone_proved'
  | 'phone_changed'
  | 'totp_changed'
  | 'role_changed'
  | 'suspended'
  | 'account_deleted'
  /** Ended by an administrator. */
  | 'ended_by_admin'
