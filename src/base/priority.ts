/* What a call is to its caller: what is lower waits for what is higher, and is shed first. */

export const priorities = ['interactive', 'batch', 'shadow'] as const
export type Priority = (typeof priorities)[number]

/** Of a queue's cap, what each class may fill. */
export const shareOf: Readonly<Record<Priority, number>> = {
  interactive: 1,
  batch: 0.5,
  shadow: 0.25,
}
