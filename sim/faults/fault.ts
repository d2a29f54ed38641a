/** One row of the fault table (RELIABILITY: F faults, C bad inputs). */
export interface Fault {
  readonly ids: string
  readonly done: string
  readonly expected: string
  /** What was seen. Throws what is not as it has to be. */
  see(): Promise<string>
}

export interface TestedFault extends Omit<Fault, 'see'> {
  /** Of the repository. */
  readonly file: string
  /** Which of its tests; all that match have to pass. */
  readonly named: RegExp
}
