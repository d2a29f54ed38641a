export { type Journal, type JournalOptions, type JournalStatus, openJournal } from './journal.ts'
export { type JournalLimits, journalLimits } from './limits.ts'
