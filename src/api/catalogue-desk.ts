import type {
  CatalogueAsk,
  CataloguePage,
  ImpactAnswer,
  ImpactAsk,
  PublishedViewAnswer,
  ViewDiff,
} from '../contract/index.ts'

/** What is shared in a fleet, and who reads it. Answers before the first plan are empty. */
export interface CatalogueDesk {
  /** Sources, groups, views, features, each kind by name; `after.id` is `<kind> <name>`. */
  features(ask: CatalogueAsk): Promise<Pick<CataloguePage, 'items' | 'nearest'>>
  /** E_NOT_FOUND for a view that no adopted plan read. */
  publishedView(id: string): Promise<PublishedViewAnswer>
  /** E_NOT_FOUND for a view that is neither published nor declared. */
  viewDiff(from: string, to: string): Promise<ViewDiff>
  /** `after.id` is the name of a model. E_NOT_FOUND for what nobody has, with the nearest names. */
  impact(ask: ImpactAsk): Promise<Omit<ImpactAnswer, 'nextCursor'>>
}
