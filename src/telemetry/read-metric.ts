import { Counter, Gauge, type Registry } from 'prom-client'

/*
 * Metrics that are read where they are counted, when somebody asks: prom-client's own `inc` with
 * labels costs more than the arithmetic of a model.
 */

export interface MetricAbout {
  readonly registry: Registry
  /** Ends in its unit; `_total` where it only ever grows. */
  readonly name: string
  readonly help: string
}

/** A value of its labels each; every label is of a set with an end. */
export type Series = readonly (readonly [Readonly<Record<string, string>>, number])[]

export function readCounter({ registry, ...about }: MetricAbout, read: () => number): void {
  new Counter({
    ...about,
    registers: [registry],
    collect() {
      this.reset()
      this.inc(read())
    },
  })
}

export function readGauge({ registry, ...about }: MetricAbout, read: () => number): void {
  new Gauge({
    ...about,
    registers: [registry],
    collect() {
      this.set(read())
    },
  })
}

export function readCounters(
  { registry, ...about }: MetricAbout,
  labelNames: readonly string[],
  read: () => Series,
): void {
  new Counter({
    ...about,
    labelNames: [...labelNames],
    registers: [registry],
    collect() {
      this.reset()
      for (const [labels, value] of read()) this.inc(labels, value)
    },
  })
}

export function readGauges(
  { registry, ...about }: MetricAbout,
  labelNames: readonly string[],
  read: () => Series,
): void {
  new Gauge({
    ...about,
    labelNames: [...labelNames],
    registers: [registry],
    collect() {
      this.reset()
      for (const [labels, value] of read()) this.set(labels, value)
    },
  })
}
