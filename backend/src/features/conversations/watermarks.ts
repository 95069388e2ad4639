/** How far a member has received and read, each a seq; 0 where nothing is known. Both only rise: of two that differ the higher is right. */
export interface Watermarks {
  readonly deliveredSeq: number
  readonly readSeq: number
}

export type WatermarksOf = (conversationId: string, userId: string) => Watermarks

export const noWatermarks: WatermarksOf = () => ({ deliveredSeq: 0, readSeq: 0 })
