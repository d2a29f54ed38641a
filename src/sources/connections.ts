/*
 * Connections are configured by the operator and named by declarations, so that no declaration can
 * reach a place of its own choice.
 */

export type Connection =
  | { readonly kind: 'postgres'; readonly url: string }
  | {
      readonly kind: 's3'
      readonly endpoint: string
      readonly bucket: string
      readonly region: string
      readonly accessKey: string
      readonly secretKey: string
    }

export interface Connections {
  /** Throws E_SOURCE, with the hint how to configure it, when there is none of this name. */
  get(name: string): Connection
}
