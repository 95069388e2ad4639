/** How far a member has received and read, each a seq; 0 where nothing is known. Both only rise: of two that differ the higher is right. */
export interface Watermarks {
  readonly deliveredSeq: number
  readonly readSeq: number
}

/** As somebody sees them; all see what they may of everybody where no viewer is given. */
export type WatermarksOf = (conversationId: string, userId: string, viewerId?: string) => Watermarks

export const noWatermarks: WatermarksOf = () => ({ deliveredSeq: 0, readSeq: 0 })
